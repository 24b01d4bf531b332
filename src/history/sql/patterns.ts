/** Which `like` and `regex` patterns mean the same in a store as in memory. */

/** The pattern with each escape written out, since stores refuse one at the end. */
export function portableLike(pattern: string): string {
  let portable = "";
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string;
    if (character !== "\\") portable += character;
    else if (at + 1 === pattern.length) portable += "\\\\";
    else {
      const next = pattern[++at] as string;
      portable += /[%_\\]/.test(next) ? `\\${next}` : next;
    }
  }
  return portable;
}

/**
 * Literals, `.`, classes of single characters and ranges, groups, alternatives, anchors, simple
 * repeats and the classes `\d`, `\w`, `\s`, all of printable ASCII; `(?i)` at the start. All
 * engines of the RE2 family agree on these. Unicode classes depend on the version of the tables.
 */
const PORTABLE =
  /^(?:\(\?i\))?(?:[\w !"#%&',\-/:;<=>@`~.|^$*+?]|\((?!\?)|\((?=\?:)\?:|\)|\\[.*+?|()[\]{}^$/\\-]|\\[dwsDWS]|\[\^?(?:[\w !"#%&',./:;<=>@`~*+?(){}|$-]|\\[.\]\\[^-]|\\[dwsDWS])+\]|\{\d{1,2}(?:,(?:\d{1,2})?)?\})*$/;

export function isPortableRegex(pattern: string): boolean {
  return PORTABLE.test(pattern);
}

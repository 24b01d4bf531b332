/**
 * How deep a JSON text nests, counted without parsing it: code that walks a value that nests too
 * deep overflows the stack.
 */

const [QUOTE, BACKSLASH, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [
  0x22, 0x5c, 0x7b, 0x7d, 0x5b, 0x5d,
];

/** The depth, counted up to `most + 1`; 0 where the text is too short to nest that deep. */
export function jsonDepth(text: string, most: number): number {
  // Each level takes two characters.
  if (text.length <= 2 * most) return 0;
  let depth = 0;
  let deepest = 0;
  let isInText = false;
  for (let at = 0; at < text.length && deepest <= most; at++) {
    const character = text.charCodeAt(at);
    if (isInText) {
      if (character === BACKSLASH) at++;
      else if (character === QUOTE) isInText = false;
    } else if (character === QUOTE) isInText = true;
    else if (character === OPEN_BRACE || character === OPEN_BRACKET)
      deepest = Math.max(deepest, ++depth);
    else if (character === CLOSE_BRACE || character === CLOSE_BRACKET) depth--;
  }
  return deepest;
}

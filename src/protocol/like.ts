/**
 * SQL LIKE: `%` is any run of characters, `_` any one, `\` takes the next literally.
 * Matching backtracks to the last `%` only, so it costs at most text × pattern steps.
 */

const ANY_RUN = -1;
const ANY_ONE = -2;

export function likeMatcher(pattern: string): (text: string) => boolean {
  const tokens = tokensOf(pattern);
  return (text) => matches(tokens, text);
}

function tokensOf(pattern: string): readonly number[] {
  const tokens: number[] = [];
  for (let index = 0; index < pattern.length; index++) {
    const code = pattern.charCodeAt(index);
    if (code === 37 /* % */) {
      if (tokens.at(-1) !== ANY_RUN) tokens.push(ANY_RUN);
    } else if (code === 95 /* _ */) tokens.push(ANY_ONE);
    else if (code === 92 /* \ */ && index + 1 < pattern.length)
      tokens.push(pattern.charCodeAt(++index));
    else tokens.push(code);
  }
  return tokens;
}

function matches(tokens: readonly number[], text: string): boolean {
  let token = 0;
  let at = 0;
  let runToken = -1;
  let runAt = 0;
  while (at < text.length) {
    const wanted = tokens[token];
    if (wanted === ANY_RUN) {
      runToken = token++;
      runAt = at;
    } else if (wanted === ANY_ONE) {
      token++;
      at = nextCharacter(text, at);
    } else if (wanted === text.charCodeAt(at)) {
      token++;
      at++;
    } else if (runToken >= 0) {
      token = runToken + 1;
      at = runAt = nextCharacter(text, runAt);
    } else return false;
  }
  while (tokens[token] === ANY_RUN) token++;
  return token === tokens.length;
}

/** Steps over a surrogate pair as one character, as SQL does. */
function nextCharacter(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code >= 0xd800 && code < 0xdc00 && at + 1 < text.length ? at + 2 : at + 1;
}

/** The text of each row, made once: a row object never changes, it is replaced. */
const texts = new WeakMap<object, string>();

export function textOf(row: object): string {
  let text = texts.get(row);
  if (text === undefined) {
    text = JSON.stringify(row);
    texts.set(row, text);
  }
  return text;
}

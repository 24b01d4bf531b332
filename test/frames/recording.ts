/**
 * Recorded sessions: what a server and a client of one version sent each other, step by step,
 * beside what was done to the server and to the client's page. What differs from run to run is
 * replaced: times are 0, and session ids, epochs, view ids and mutation ids are names such as
 * `id_of_session_1`.
 */
export type Frame = Readonly<Record<string, unknown>>;

export type ServerAction =
  | { readonly upsert: string; readonly rows: readonly object[] }
  | { readonly remove: string; readonly keys: readonly string[] }
  | { readonly revoke: unknown }
  | { readonly stop: true };

export type ClientAction =
  | { readonly open: string; readonly query: object }
  | { readonly close: string }
  | { readonly mutate: string; readonly input: object };

export type Step =
  | { readonly server: ServerAction }
  | { readonly client: ClientAction }
  /** The client has connected; the connection has been cut. */
  | { readonly connect: true }
  | { readonly cut: true }
  | { readonly up: Frame }
  | { readonly down: Frame }
  /** The rows that the page shows, by the name of the view. */
  | { readonly rows: Readonly<Record<string, readonly unknown[]>> };

export interface RecordedSession {
  readonly name: string;
  /** Its frames up are those of a real client, whose page did what `client` steps say. */
  readonly hasClient: boolean;
  readonly hasDigests: boolean;
  readonly steps: readonly Step[];
}

export interface Recording {
  readonly protocol: number;
  readonly sessions: readonly RecordedSession[];
}

const NAME = /^id_of_/;
/**
 * Told in words, a time, a count of the moment, or what a version states of itself: these may
 * differ.
 */
const FREE = new Set(["message", "protocol", "protocol_min", "retry_after_ms"]);
const isFree = (name: string, value: unknown): boolean =>
  FREE.has(name) || name.endsWith("_unix_ms") || (name === "rows" && typeof value === "number");

/** The names that stand for what this run has: `id_of_session_1` for a real session id. */
export type Bindings = Map<string, unknown>;

/** The value with times left out, and what `names` knows replaced by its name. */
export function named(value: unknown, names: ReadonlyMap<unknown, string>, key = ""): unknown {
  if (key.endsWith("_unix_ms")) return 0;
  if (key === "as_of")
    return Object.fromEntries(Object.keys(value as object).map((name) => [name, 0]));
  if (Array.isArray(value)) return value.map((each) => named(each, names));
  if (typeof value !== "object" || value === null) return names.get(value) ?? value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, named(each, names, name)]),
  );
}

/** The value with names replaced by what they stand for here. */
export function bound(value: unknown, bindings: Bindings): unknown {
  if (Array.isArray(value)) return value.map((each) => bound(each, bindings));
  if (typeof value !== "object" || value === null)
    return bindings.has(String(value)) ? bindings.get(String(value)) : value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, bound(each, bindings)]),
  );
}

/**
 * Where a frame differs from the recorded one in more than it may; undefined where it does not.
 * Binds names.
 */
export function difference(
  recorded: unknown,
  actual: unknown,
  bindings: Bindings,
  path = "",
): string | undefined {
  if (typeof recorded === "string" && NAME.test(recorded)) {
    if (!bindings.has(recorded)) bindings.set(recorded, actual);
    return bindings.get(recorded) === actual ? undefined : `${path} is another ${recorded}`;
  }
  const isSame = typeof recorded !== "object" || recorded === null;
  if (isSame || typeof actual !== "object" || actual === null)
    return recorded === actual
      ? undefined
      : `${path}: ${JSON.stringify(actual)} in place of ${JSON.stringify(recorded)}`;
  const names = new Set([...Object.keys(recorded), ...Object.keys(actual)]);
  for (const name of names) {
    const [before, after] = [recorded, actual].map((frame) =>
      inOrder(name, (frame as Frame)[name]),
    );
    if (isFree(name, before) || (path.endsWith("as_of") && typeof after === "number")) continue;
    const found = difference(before, after, bindings, `${path}.${name}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** A server sends rows, and keys that left, in no particular order (P6). */
function inOrder(name: string, value: unknown): unknown {
  if (!["rows", "upsert", "remove"].includes(name) || !Array.isArray(value)) return value;
  return value.toSorted((left, right) => (JSON.stringify(left) < JSON.stringify(right) ? -1 : 1));
}

/**
 * Tells what is new from what a server repeats each second: watermarks of idle turns, statuses and
 * digests.
 */
export class News {
  readonly #told = new Map<string, string>();
  #isTurnNew = false;

  isNew(frame: Frame): boolean {
    const { op, type, channel, view, seq, behind, digest, status } = frame;
    if (op !== "DISPATCH") return true;
    if (type === "WATERMARK") {
      const isNew = this.#change("WATERMARK", { seq, behind }) || this.#isTurnNew;
      this.#isTurnNew = false;
      return isNew;
    }
    if (type === "CHANNEL_STATUS" && !this.#change(`of ${String(channel)}`, { status }))
      return false;
    if (digest !== undefined && !this.#change(`digest ${String(view ?? channel)}`, { seq, digest }))
      return false;
    this.#isTurnNew = true;
    return true;
  }

  #change(name: string, value: object): boolean {
    const text = JSON.stringify(value);
    const isChange = this.#told.get(name) !== text;
    this.#told.set(name, text);
    return isChange;
  }
}

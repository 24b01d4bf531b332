/**
 * Messages as text and back: `encode` makes all frames of the JSON protocol, and `decode` reads
 * them. Rows are passed to `encode` as JSON text, so that each row is encoded once however often
 * it is sent.
 */
import type { DownMessage } from "./down.ts";
import type { DeltaBatch } from "./messages/delta-batch.ts";
import type { Snapshot } from "./messages/snapshot.ts";
import type { UpMessage } from "./up.ts";

/** A SNAPSHOT whose rows are JSON texts. */
export interface SnapshotOfTexts extends Omit<Snapshot, "rows"> {
  readonly rowTexts: readonly string[];
}

/** A DELTA_BATCH whose rows are JSON texts. */
export interface DeltaOfTexts extends Omit<DeltaBatch, "patch"> {
  readonly upsertTexts: readonly string[];
  readonly removes: readonly string[];
}

export type Outgoing = DownMessage | SnapshotOfTexts | DeltaOfTexts;

/** The messages of a client, and those of a server that have no rows. */
export function encodePlain(message: DownMessage | UpMessage): string {
  return JSON.stringify(message);
}

export function encode(message: Outgoing): string {
  if ("rowTexts" in message) {
    const { rowTexts, ...head } = message;
    return `${opened(head)},"rows":[${rowTexts.join(",")}]}`;
  }
  if ("upsertTexts" in message) {
    const { upsertTexts, removes, ...head } = message;
    return `${opened(head)},"patch":{"upsert":[${upsertTexts.join(",")}],"remove":${JSON.stringify(removes)}}}`;
  }
  return encodePlain(message);
}

/** A server's message; undefined for text that is no JSON object. Unknown fields are kept. */
export function decode(text: string): DownMessage | undefined {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return undefined;
  }
  const isMessage =
    typeof message === "object" &&
    message !== null &&
    typeof (message as { op?: unknown }).op === "string";
  return isMessage ? (message as DownMessage) : undefined;
}

/** The `op` of a text as `encode` makes it, without reading the rest. */
export function opOf(text: string): string | undefined {
  return /^\{"op":"(\w+)"/.exec(text)?.[1];
}

/** The `type` of a DISPATCH, likewise. */
export function typeOf(text: string): string | undefined {
  return /^\{"op":"DISPATCH","type":"(\w+)"/.exec(text)?.[1];
}

/**
 * The text for inspection, without secrets: credentials, and the session id, which could be used
 * to take over the session.
 */
export function redact(text: string): string {
  if (!text.includes('"auth"') && !text.includes('"session_id"')) return text;
  try {
    return JSON.stringify(JSON.parse(text), (name, value: unknown) => {
      if (name === "auth") return "…";
      return name === "session_id" && typeof value === "string" ? `${value.slice(0, 9)}…` : value;
    });
  } catch {
    // Incomplete, or nested too deep: a text that can't be checked is not shown.
    return "";
  }
}

function opened(head: object): string {
  return JSON.stringify(head).slice(0, -1);
}

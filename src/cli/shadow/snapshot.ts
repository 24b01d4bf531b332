/**
 * A snapshot of one side of `tidemark shadow`. Understands Tidemark's snapshots, and plain ones:
 * `{channels: {a: {rows: […]}}}`, `{channels: {a: […]}}` or `{a: […]}`, with `snapshot_seq`, `seq`
 * or a number as `revision`.
 */
import { parseExactJson } from "../../protocol/exact-json.ts";
import type { ChannelPair } from "./channel-pairs.ts";

export type Side = "left" | "right";

/** Rows by their keys, each as a text in which columns have the left's names and one order. */
type RowTexts = ReadonlyMap<string, string>;

export interface ChannelRows {
  readonly rows: RowTexts;
  /** Of the newest change in the channel. */
  readonly seq: number | undefined;
}

export interface Snapshot {
  readonly seq: number | undefined;
  /** By the channel's name on the left. */
  readonly channels: ReadonlyMap<string, ChannelRows>;
}

type Fields = Readonly<Record<string, unknown>>;

/** @throws Error which says in words what the snapshot lacks */
export function parseSnapshot(json: string, side: Side, pairs: readonly ChannelPair[]): Snapshot {
  const body = parsed(json);
  if (!isFields(body)) throw new Error("the answer is no object of channels");
  const channels = isFields(body["channels"]) ? body["channels"] : body;
  return {
    seq: numberOf(body["snapshot_seq"]) ?? numberOf(body["seq"]) ?? numberOf(body["revision"]),
    channels: new Map(
      pairs.map((pair) => {
        const channel = channels[pair[side]];
        const rows = isFields(channel) ? channel["rows"] : channel;
        if (!Array.isArray(rows)) throw new Error(`the answer has no rows of ${pair[side]}`);
        const seq = isFields(channel) ? numberOf(channel["rows_at_seq"]) : undefined;
        return [pair.left, { rows: textsOf(rows, side, pair), seq }];
      }),
    ),
  };
}

function parsed(json: string): unknown {
  try {
    return parseExactJson(json);
  } catch {
    throw new Error("the answer is not JSON");
  }
}

function textsOf(rows: readonly unknown[], side: Side, pair: ChannelPair): RowTexts {
  const texts = new Map<string, string>();
  for (const row of rows) {
    if (!isFields(row)) throw new Error(`${pair[side]} has a row that is no object`);
    const named = side === "left" ? row : renamed(row, pair.leftNames);
    const key = JSON.stringify(
      pair.key.map((column) => {
        const value = named[column];
        if (value === undefined)
          throw new Error(`${pair[side]} has a row without the key column ${column}`);
        return value;
      }),
    );
    if (texts.has(key)) throw new Error(`${pair[side]} has two rows with the key ${key}`);
    texts.set(key, JSON.stringify(ordered(named, pair.ignored)));
  }
  return texts;
}

function renamed(row: Fields, leftNames: ReadonlyMap<string, string>): Fields {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [leftNames.get(name) ?? name, value]),
  );
}

/** The value with the fields of each object in the order of their names. */
function ordered(value: unknown, ignored: readonly string[] = []): unknown {
  if (Array.isArray(value)) return value.map((each) => ordered(each));
  if (!isFields(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .filter((name) => !ignored.includes(name))
      .sort()
      .map((name) => [name, ordered(value[name])]),
  );
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function numberOf(value: unknown): number | undefined {
  const isText = typeof value === "string" && /^\d{1,15}$/.test(value);
  const number = isText ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) ? number : undefined;
}

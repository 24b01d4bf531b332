/** The channels of the simulation, random commits for them, and random queries. */
import type { ChannelChange, CommitDraft, KeyedRow } from "../src/log/log.ts";
import type { Query, Where } from "../src/protocol/user-query.ts";
import type { Row } from "../src/protocol/row.ts";
import type { Policy } from "../src/server/policies.ts";
import type { Random } from "../src/std/random.ts";
import { declareChannel } from "../src/log/channel.ts";
import type { FaultCounts } from "./faults.ts";

export const columns = [
  { name: "id", type: "text" },
  { name: "symbol", type: "text" },
  { name: "price", type: "integer" },
  { name: "note", type: "text" },
] as const;

/** The memory budget leaves so many rows of each channel but `trades`: all. */
const KEPT = 1_000_000;
/** So little that rows of `trades` leave now and then. */
export const TABLES_BYTES_MAX = 7_000;

/** The program's own channels, and the database's. */
export const DECLARATIONS = [
  declareChannel({
    name: "trades",
    key: ["id"],
    columns,
    bounds: { rowsMax: 40, tombstonesMax: 10, critical: false },
  }),
  declareChannel({
    name: "orders",
    key: ["id"],
    columns,
    bounds: { tombstonesMax: 20, rowsMin: KEPT },
  }),
  declareChannel({
    name: "events",
    key: ["id"],
    columns,
    bounds: {
      rowsMax: 30,
      ageMsMax: 2_500,
      tombstonesMax: 15,
      evict: "oldest_arrival",
      rowsMin: KEPT,
    },
  }),
  declareChannel({
    name: "reviews",
    key: ["id"],
    columns: [...columns.slice(0, 3), { name: "value", type: "text" }],
    bounds: { tombstonesMax: 20, rowsMin: KEPT },
  }),
];
export const OWN_DECLARATIONS = DECLARATIONS.filter(({ name }) => name !== "reviews");
export const SYMBOLS = ["BTC", "ETH", "SOL", "XRP"];

export interface Identified {
  readonly user: string;
  /** The symbol of `orders` that the user may see; absent for all. */
  readonly symbol?: string;
}

/** Which symbol of `orders` each user may see; undefined for all. */
export class Rights {
  /** The newest last, each with the time from which it holds. */
  readonly #history = new Map<
    string,
    { readonly symbol: string | undefined; readonly sinceMs: number }[]
  >();

  set(user: string, symbol: string | undefined, nowMs: number): void {
    this.#history.set(user, [
      ...(this.#history.get(user) ?? [{ symbol: undefined, sinceMs: 0 }]),
      { symbol, sinceMs: nowMs },
    ]);
  }

  /** The identity of a user with its rights, as looked up when a client identifies. */
  identityOf(user: string): Identified {
    const symbol = this.#history.get(user)?.at(-1)?.symbol;
    return { user, ...(symbol !== undefined && { symbol }) };
  }

  readonly policy: Policy = (identity) => {
    const { symbol } = identity as Identified;
    return symbol === undefined ? "all" : { column: "symbol", eq: symbol };
  };

  /** What a user may be shown: by the current rights, and by those that ended after `sinceMs`. */
  *views(user: string, sinceMs: number): Iterable<(row: Row) => boolean> {
    const history = this.#history.get(user) ?? [{ symbol: undefined, sinceMs: 0 }];
    for (const [index, { symbol }] of history.entries()) {
      const endMs = history[index + 1]?.sinceMs ?? Number.POSITIVE_INFINITY;
      if (endMs >= sinceMs) yield (row) => symbol === undefined || row["symbol"] === symbol;
    }
  }
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)] as T;
}

/** Only the database writes its channel, and only simulated users query it. */
const OWN = OWN_DECLARATIONS.map(({ name }) => name);
const ASKED = [...OWN, "stock"];

/** `derived` are derived tables of the run. */
export function randomQuery(random: Random, derived: readonly string[]): Query {
  const channel = pick(random, [...ASKED, ...derived]);
  const choice = random.next();
  if (choice < 0.35) return { channel };
  if (choice < 0.55) return { channel, where: { column: "symbol", eq: pick(random, SYMBOLS) } };
  if (choice < 0.7) return { channel, where: randomRange(random), columns: ["price"] };
  const where = randomWhere(random);
  const limit = 1 + Math.floor(random.next() * 8);
  if (choice < 0.82) return { channel, ...where, limit };
  const direction = random.next() < 0.5 ? "desc" : "asc";
  return { channel, ...where, orderBy: [{ column: "price", direction }], limit };
}

function randomWhere(random: Random): Pick<Query, "where"> {
  const choice = random.next();
  if (choice < 0.4) return {};
  const symbols = { column: "symbol", in: ["BTC", "ETH"] } as const;
  if (choice < 0.7) return { where: symbols };
  return { where: choice < 0.85 ? randomRange(random) : { and: [symbols, randomRange(random)] } };
}

/** Of few prices, so that rows often have a bound's value. */
function randomRange(random: Random): Where {
  const low = Math.floor(random.next() * 95);
  const column = "price";
  return pick<Where>(random, [
    { column, gt: low },
    { column, lte: low },
    { column, between: [low, low + Math.floor(random.next() * 5)] },
    {
      and: [
        { column, gte: low },
        { column, lt: low + 30 },
      ],
    },
  ]);
}

export function randomDraft(random: Random, faults: FaultCounts): CommitDraft {
  const changes = new Map<string, ChannelChange>();
  const count = random.next() < 0.1 ? 0 : random.next() < 0.7 ? 1 : 2;
  for (let index = 0; index < count; index++) {
    const channel = pick(random, OWN);
    changes.set(channel, randomChange(random, faults, channel));
  }
  return { changes: [...changes.values()] };
}

function randomChange(random: Random, faults: FaultCounts, channel: string): ChannelChange {
  const choice = random.next();
  if (choice < 0.02 && faults.happens("eviction storm"))
    return { channel, upserts: rowsOf(random, 90, 400), removes: [] };
  if (choice < 0.04 && faults.happens("reload"))
    return { channel, upserts: rowsOf(random, 25, 60), removes: [], reload: true };
  const upserts = rowsOf(random, 1 + Math.floor(random.next() * 5), 60);
  const written = new Set(upserts.map(({ key }) => key));
  const removes =
    random.next() < 0.5
      ? []
      : Array.from(
          { length: Math.ceil(random.next() * 4) },
          () => `k${Math.floor(random.next() * 60)}`,
        );
  return { channel, upserts, removes: [...new Set(removes)].filter((key) => !written.has(key)) };
}

export function rowsOf(random: Random, count: number, keys: number): readonly KeyedRow[] {
  const rows = new Map<string, Row>();
  for (let index = 0; index < count; index++) {
    const key = `k${Math.floor(random.next() * keys)}`;
    rows.set(key, {
      id: key,
      symbol: pick(random, SYMBOLS),
      price: Math.floor(random.next() * 100),
      note: "x".repeat(Math.floor(random.next() * 30)),
    });
  }
  return [...rows].map(([key, row]) => ({ key, row }));
}

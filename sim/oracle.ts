/**
 * What each view should hold, recomputed slowly from the log: the rows of each channel, its state
 * and the freshness of its source at every seq, within the channel's bounds. It shares no code with
 * the tables.
 */
import type { ChannelDeclaration } from "../src/log/channel.ts";
import type { Commit } from "../src/log/log.ts";
import { compileOrder } from "../src/protocol/order.ts";
import type { WireQuery } from "../src/protocol/query.ts";
import type { Row } from "../src/protocol/row.ts";
import { compileWhere } from "../src/protocol/where.ts";
import { whereContextOf } from "../src/table/channel.ts";
import { declarationsFrom, groupsOf, sourceOf } from "./derived.ts";
import { textOf } from "./row-text.ts";

interface Entry {
  readonly row: Row;
  readonly seq: number;
  readonly timeMs: number;
  /** The index among the changes of one commit. */
  readonly order: number;
}

type Rows = ReadonlyMap<string, Entry>;

interface Table {
  readonly declaration: ChannelDeclaration;
  readonly source: string | undefined;
  readonly status: string;
  readonly rows: Rows;
  readonly isDerived?: true;
}

interface State {
  readonly tables: ReadonlyMap<string, Table>;
  readonly asOf: ReadonlyMap<string, number>;
  /** By channel: rows that it has evicted. */
  readonly evicted: ReadonlyMap<string, readonly Row[]>;
  readonly tablesBytesMax: number;
}

const BEGINNING: State = {
  tables: new Map(),
  asOf: new Map(),
  evicted: new Map(),
  tablesBytesMax: Number.POSITIVE_INFINITY,
};

interface Found {
  readonly key: string;
  readonly row: Row;
  readonly changedAt: number;
}

export class Oracle {
  /** States by epoch, then by seq. */
  readonly #histories = new Map<string, State[]>();
  /** What each query matches in rows that are the same at many seqs, by the query's text. */
  readonly #found = new WeakMap<Rows, Map<string, readonly Found[]>>();
  readonly #hasDerived: boolean;

  constructor(hasDerived: boolean) {
    this.#hasDerived = hasDerived;
  }

  /** The history `before` continues as `after` from `seq` on. */
  branch(before: string, after: string, seq: number): void {
    this.#histories.set(after, (this.#histories.get(before) ?? [BEGINNING]).slice(0, seq + 1));
  }

  note(epoch: string, commit: Commit): void {
    const history = this.#histories.get(epoch) ?? [BEGINNING];
    this.#histories.set(epoch, history);
    const before = history.at(-1) as State;
    const tables = new Map(before.tables);
    for (const name of commit.drops ?? []) tables.delete(name);
    for (const declaration of commit.declares ?? []) {
      const known = tables.get(declaration.name);
      if (
        known !== undefined &&
        known.source === commit.source &&
        JSON.stringify(known.declaration) === JSON.stringify(declaration)
      )
        continue;
      tables.set(declaration.name, {
        declaration,
        source: commit.source,
        status: commit.source === undefined ? "live" : "catching_up",
        rows: new Map(),
      });
    }
    for (const { channel, upserts, removes, reload } of commit.changes) {
      const table = tables.get(channel);
      if (table === undefined) continue;
      const rows = new Map(table.rows);
      let order = 0;
      if (reload === true) {
        const kept = new Set(upserts.map(({ key }) => key));
        for (const key of rows.keys()) if (!kept.has(key)) rows.delete(key);
      }
      for (const { key, row } of upserts) {
        const known = rows.get(key)?.row;
        if (known !== undefined && textOf(known) === textOf(row)) continue;
        rows.set(key, { row, seq: commit.seq, timeMs: commit.timeMs, order: order++ });
      }
      for (const key of removes) rows.delete(key);
      tables.set(channel, { ...table, rows });
    }
    const evicted = new Map(before.evicted);
    const { tablesBytesMax = before.tablesBytesMax } = commit;
    for (const [name, table] of tables) {
      if (table.isDerived) continue;
      let { status } = table;
      for (const reported of commit.status ?? [])
        if (
          reported.channels === undefined
            ? table.source === commit.source
            : reported.channels.includes(name)
        )
          status = reported.status.status;
      const rows = bounded(table.rows, commit.timeMs, table.declaration.bounds);
      if (rows === table.rows && status === table.status) continue;
      evicted.set(name, [...(evicted.get(name) ?? []), ...goneFrom(table.rows, rows)]);
      tables.set(name, { ...table, status, rows });
    }
    for (const [name, table] of tables) {
      if (table.declaration.bounds.critical !== false) continue;
      const rows = spared(table.rows, bytesOf(tables) - tablesBytesMax);
      if (rows === table.rows) continue;
      evicted.set(name, [...(evicted.get(name) ?? []), ...goneFrom(table.rows, rows)]);
      tables.set(name, { ...table, rows });
    }
    const asOf =
      commit.asOfMs === undefined || commit.source === undefined
        ? before.asOf
        : new Map([
            ...before.asOf,
            [commit.source, Math.max(commit.asOfMs, before.asOf.get(commit.source) ?? 0)],
          ]);
    if (this.#hasDerived) deriveAll(tables, evicted, commit);
    history.push({ tables, asOf, evicted, tablesBytesMax });
  }

  /**
   * The rows of a query as of a seq, by key: sorted if the query says how, by key if it has a limit
   * only. Undefined for a seq that does not exist.
   */
  rows(
    epoch: string,
    seq: number,
    query: WireQuery,
    allowed: (row: Row) => boolean,
  ): readonly (readonly [string, Row])[] | undefined {
    const table = this.#tableAt(epoch, seq, query.channel);
    if (table === undefined) return undefined;
    const { order_by = [], limit } = query;
    const found = this.#foundIn(table, query).filter(({ row }) => allowed(row));
    // Without an order the newest stay; the sort is stable, so ties go by key.
    if (order_by.length === 0 && limit !== undefined)
      found.splice(
        0,
        found.length,
        ...found
          .toSorted((left, right) => right.changedAt - left.changedAt)
          .slice(0, limit)
          .sort(compileOrder(order_by, whereContextOf(table.declaration))),
      );
    return found.slice(0, limit).map(({ key, row }) => [key, row] as const);
  }

  /** The rows that match, whoever may see them and however many are shown. */
  #foundIn({ declaration, rows }: Table, query: WireQuery): readonly Found[] {
    const { where, order_by = [], limit } = query;
    const text = JSON.stringify([declaration.name, query]);
    const known = this.#found.get(rows) ?? new Map<string, readonly Found[]>();
    this.#found.set(rows, known);
    let found = known.get(text);
    if (found === undefined) {
      const context = whereContextOf(declaration);
      const matches = where === undefined ? () => true : compileWhere(where, context);
      const matching = [...rows].flatMap(([key, { row, seq: changedAt }]) =>
        matches(row) ? [{ key, row, changedAt }] : [],
      );
      if (order_by.length > 0 || limit !== undefined)
        matching.sort(compileOrder(order_by, context));
      found = matching;
      known.set(text, found);
    }
    return found;
  }

  /** The status that the source had reported for a channel, as of a seq. */
  statusAt(epoch: string, seq: number, channel: string): string | undefined {
    return this.#tableAt(epoch, seq, channel)?.status;
  }

  /** The time up to which the source's rows were complete, as of a seq. */
  asOfAt(epoch: string, seq: number, source: string): number | undefined {
    return this.#histories.get(epoch)?.[seq]?.asOf.get(source);
  }

  #tableAt(epoch: string, seq: number, channel: string): Table | undefined {
    return this.#histories.get(epoch)?.[seq]?.tables.get(channel);
  }
}

/** Sets the derived tables, whose rows change when their values do. */
function deriveAll(
  tables: Map<string, Table>,
  evicted: ReadonlyMap<string, readonly Row[]>,
  { seq, timeMs }: Commit,
): void {
  for (const declaration of declarationsFrom((name) => tables.get(name)?.declaration)) {
    const { from, isStream } = sourceOf(declaration.name);
    const live = Array.from(tables.get(from)?.rows.values() ?? [], ({ row }) => row);
    const before = tables.get(declaration.name)?.rows;
    const rows = new Map<string, Entry>();
    for (const [key, row] of groupsOf(isStream ? [...(evicted.get(from) ?? []), ...live] : live)) {
      const known = before?.get(key);
      const isSame = known !== undefined && textOf(known.row) === textOf(row);
      rows.set(key, isSame ? known : { row, seq, timeMs, order: 0 });
    }
    const table = { declaration, source: undefined, status: "live", isDerived: true } as const;
    tables.set(declaration.name, { ...table, rows });
  }
}

function goneFrom(before: Rows, after: Rows): readonly Row[] {
  return [...before].flatMap(([key, { row }]) => (after.has(key) ? [] : [row]));
}

/** By the rows of a table, which are the same at many seqs. */
const bytesOfRows = new WeakMap<Rows, number>();

function bytesOf(tables: ReadonlyMap<string, Table>): number {
  let sum = 0;
  for (const { rows } of tables.values()) {
    let bytes = bytesOfRows.get(rows);
    if (bytes === undefined) {
      bytes = 0;
      for (const { row } of rows.values()) bytes += Buffer.byteLength(textOf(row));
      bytesOfRows.set(rows, bytes);
    }
    sum += bytes;
  }
  return sum;
}

/** Without the rows that changed longest ago, until so many bytes are gone. */
function spared(table: Rows, bytes: number): Rows {
  if (bytes <= 0) return table;
  const rows = new Map(table);
  let left = bytes;
  for (const [key, { row }] of [...table].sort(
    ([, a], [, b]) => a.seq - b.seq || a.order - b.order,
  )) {
    if (left <= 0) break;
    left -= Buffer.byteLength(textOf(row));
    rows.delete(key);
  }
  return rows;
}

/**
 * Evicts rows that are too old by the commit time, then those that changed or arrived longest ago.
 * A map has its keys in the order in which they arrived.
 */
function bounded(
  table: Rows,
  timeMs: number,
  { rowsMax, ageMsMax, evict }: ChannelDeclaration["bounds"],
): Rows {
  const isYoung = ({ timeMs: changedMs }: Entry): boolean => timeMs - changedMs <= ageMsMax;
  if (table.size <= rowsMax && [...table.values()].every(isYoung)) return table;
  const young = [...table].filter(([, entry]) => isYoung(entry));
  const oldestFirst =
    evict === "oldest_arrival"
      ? young
      : young.toSorted(([, a], [, b]) => a.seq - b.seq || a.order - b.order);
  const kept = new Set(oldestFirst.slice(-rowsMax));
  return kept.size === table.size ? table : new Map(young.filter((entry) => kept.has(entry)));
}

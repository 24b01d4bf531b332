/**
 * What every view should be, by slow recomputation from the log: each channel's rows as of every seq,
 * with its bounds applied by the commits' content alone. It shares no code with the tables.
 */
import type { Commit } from "../src/log/log.ts";
import { compileOrder } from "../src/protocol/order.ts";
import type { Query } from "../src/protocol/query.ts";
import type { Row } from "../src/protocol/row.ts";
import { compileWhere } from "../src/protocol/where.ts";
import { whereContextOf, type ChannelDeclaration } from "../src/table/channel.ts";

interface Entry {
  readonly row: Row;
  readonly seq: number;
  readonly timeMs: number;
  /** Place among the changes of one commit. */
  readonly order: number;
}

type Table = ReadonlyMap<string, Entry>;

export class Oracle {
  readonly #declarations: ReadonlyMap<string, ChannelDeclaration>;
  /** By epoch, then by seq. */
  readonly #histories = new Map<string, Map<string, Table>[]>();

  constructor(declarations: readonly ChannelDeclaration[]) {
    this.#declarations = new Map(declarations.map((declaration) => [declaration.name, declaration]));
  }

  note(epoch: string, commit: Commit): void {
    const history = this.#histories.get(epoch) ?? [new Map([...this.#declarations.keys()].map((name) => [name, new Map() as Table]))];
    this.#histories.set(epoch, history);
    const before = history.at(-1) as Map<string, Table>;
    const after = new Map(before);
    for (const { channel, upserts, removes, reload } of commit.changes) {
      const table = new Map(after.get(channel));
      let order = 0;
      if (reload === true) {
        const kept = new Set(upserts.map(({ key }) => key));
        for (const key of table.keys()) if (!kept.has(key)) table.delete(key);
      }
      for (const { key, row } of upserts) {
        if (JSON.stringify(table.get(key)?.row) === JSON.stringify(row)) continue;
        table.set(key, { row, seq: commit.seq, timeMs: commit.timeMs, order: order++ });
      }
      for (const key of removes) table.delete(key);
      after.set(channel, table);
    }
    for (const [name, { bounds }] of this.#declarations) after.set(name, bounded(after.get(name) as Table, commit.timeMs, bounds));
    history.push(after);
  }

  /** The rows of a query as of a seq, by key; sorted if the query says how. Undefined for a position that does not exist. */
  rows(epoch: string, seq: number, query: Query, allowed: (row: Row) => boolean): readonly (readonly [string, Row])[] | undefined {
    const table = this.#histories.get(epoch)?.[seq]?.get(query.channel) ?? (seq === 0 ? new Map<string, Entry>() : undefined);
    const declaration = this.#declarations.get(query.channel);
    if (table === undefined || declaration === undefined) return undefined;
    const context = whereContextOf(declaration);
    const matches = query.where === undefined ? () => true : compileWhere(query.where, context);
    const found = [...table].flatMap(([key, { row }]) => (matches(row) && allowed(row) ? [{ key, row }] : []));
    if (query.order_by !== undefined || query.limit !== undefined) found.sort(compileOrder(query.order_by ?? [], context));
    return found.slice(0, query.limit).map(({ key, row }) => [key, row] as const);
  }
}

/** Rows that changed longest ago go first; age counts from the commit's time. */
function bounded(table: Table, timeMs: number, { rowsMax, ageMsMax }: ChannelDeclaration["bounds"]): Table {
  const oldestFirst = [...table].sort(([, a], [, b]) => a.seq - b.seq || a.order - b.order);
  const isOver = (count: number, entry: Entry): boolean => count > rowsMax || timeMs - entry.timeMs > ageMsMax;
  let first = 0;
  while (first < oldestFirst.length && isOver(oldestFirst.length - first, (oldestFirst[first] as [string, Entry])[1])) first++;
  return first === 0 ? table : new Map([...table].filter(([key]) => !oldestFirst.slice(0, first).some(([gone]) => gone === key)));
}

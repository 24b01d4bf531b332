/** A store under test beside the model that says what it must answer. */
import fc from "fast-check";
import { expect } from "vitest";
import type { Row } from "../protocol/row.ts";
import { declareChannel, type ChannelDeclaration } from "../log/channel.ts";
import { byKey, HistoryModel, storedRow } from "./conformance-model.ts";
import type { HistoryBatch, HistoryEntry, HistoryStore, PageQuery, StoredRow } from "./history.ts";

export interface StoreUnderTest {
  /** An empty store, not opened. */
  readonly create: () => Promise<HistoryStore>;
  /** The same data, after the store was closed. */
  readonly again: () => Promise<HistoryStore>;
  readonly dispose: () => Promise<void>;
  /** Generated queries per test; fewer for a slow store. Default 100. */
  readonly queries?: number;
}

export type Step =
  | { readonly upsert: string; readonly row?: Row }
  | { readonly remove: string }
  | { readonly reload: true };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ upsert: fc.constantFrom("a", "b", "c", "d", "é") }) },
  { weight: 3, arbitrary: fc.record({ remove: fc.constantFrom("a", "b", "c", "d", "é") }) },
);
/** A key occurs at most once per commit, and a reload comes first. */
export const commit = fc
  .tuple(
    fc.oneof(
      { weight: 8, arbitrary: fc.constant<readonly Step[]>([]) },
      { weight: 1, arbitrary: fc.constant<readonly Step[]>([{ reload: true }]) },
    ),
    fc.uniqueArray(step, {
      maxLength: 4,
      selector: (each) => ("upsert" in each ? each.upsert : "remove" in each ? each.remove : ""),
    }),
  )
  .map(([reload, steps]) => [...reload, ...steps]);

/** The store, and the model that says what it must answer. */
export class World {
  readonly model = new HistoryModel();
  readonly #under: StoreUnderTest;
  #store: HistoryStore | undefined;
  #seq = 0;
  #channels = 0;

  constructor(under: StoreUnderTest) {
    this.#under = under;
  }

  get store(): HistoryStore {
    if (this.#store === undefined) throw new Error("not open");
    return this.#store;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Whether a test of the store takes many times as long as one of a store in the process. */
  get isSlow(): boolean {
    return this.#under.queries !== undefined;
  }

  async open(): Promise<void> {
    this.#store = await this.#under.create();
    expect(await this.store.open()).toEqual({
      seq: 0,
      timeMs: 0,
      sourcePositions: [],
      requestIds: [],
      channels: [],
    });
  }

  async reopen(): ReturnType<HistoryStore["open"]> {
    await this.store.close();
    this.#store = await this.#under.again();
    return this.store.open();
  }

  async close(): Promise<void> {
    await this.#store?.close();
    await this.#under.dispose();
  }

  async channel(
    options: Partial<Parameters<typeof declareChannel>[0]> = {},
  ): Promise<ChannelDeclaration> {
    const columns = options.columns ?? [{ name: "id", type: "text" }];
    const key = options.key ?? [columns[0]?.name ?? "id"];
    const channel = declareChannel({
      name: `channel ${++this.#channels}`,
      history: {},
      ...options,
      key,
      columns,
    });
    await this.store.declare({ channel, source: undefined });
    return channel;
  }

  /** Each list of steps is a commit, and all are one batch. Times are ten times the seqs. */
  batch(
    { name, key }: Pick<ChannelDeclaration, "name" | "key">,
    commits: readonly (readonly Step[])[],
    fields: Partial<HistoryBatch> = {},
  ): HistoryBatch {
    let seq = this.#seq;
    const entries = commits.flatMap((steps) => {
      seq++;
      return steps.map((step): HistoryEntry => {
        const at = { channel: name, seq, timeMs: seq * 10 };
        if ("reload" in step) return { ...at, kind: "reload", key: "" };
        if ("remove" in step) return { ...at, kind: "remove", key: step.remove };
        const row = step.row ?? { [key[0] ?? "id"]: step.upsert };
        return { ...at, kind: "upsert", key: step.upsert, row, json: JSON.stringify(row) };
      });
    });
    const timeMs = seq * 10;
    return {
      after: this.#seq,
      seq,
      timeMs,
      entries,
      sourcePositions: [],
      requestIds: [],
      ...fields,
    };
  }

  async write(
    channel: Pick<ChannelDeclaration, "name" | "key">,
    ...commits: readonly (readonly Step[])[]
  ): Promise<void> {
    await this.writeBatch(this.batch(channel, commits));
  }

  async writeBatch(batch: HistoryBatch): Promise<void> {
    await this.store.write(batch);
    this.model.write(batch.entries);
    this.#seq = batch.seq;
  }

  query(channel: ChannelDeclaration, fields: Partial<PageQuery> = {}): PageQuery {
    return { channel, where: undefined, orderBy: [], limit: 1_000, asOf: this.#seq, ...fields };
  }

  /** Scans a channel, and compares what it finds with the model. */
  async expectScan(channel: ChannelDeclaration, asOf = this.#seq): Promise<void> {
    const rows: StoredRow[] = [];
    for await (const batch of this.store.scan({ channel, asOf })) rows.push(...batch);
    const expected = this.model.rowsAsOf(channel.name, asOf).map(storedRow);
    expect(rows.sort(byKey)).toEqual(expected.sort(byKey));
  }

  /** Reads all pages of a query, and compares them with the model. */
  async expectPages(query: PageQuery): Promise<void> {
    const expected = this.model.page(query);
    const rows: StoredRow[] = [];
    let after = query.after;
    for (;;) {
      const page = await this.store.page({ ...query, ...(after && { after }) });
      rows.push(...page.rows);
      const last = page.rows.at(-1);
      expect(page.rows.length).toBeLessThanOrEqual(query.limit);
      if (page.isLast || last === undefined) break;
      after = { key: last.key, row: JSON.parse(last.json) as Row };
    }
    expect(rows).toEqual(expected);
  }
}

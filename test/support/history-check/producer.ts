/**
 * Writes commits as fast as the server takes them, and knows what every query must answer as of
 * each: keys arrive, change and leave, among them keys that differ only in case or normal form.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "fast-check";
import { HistoryModel } from "../../../src/history/conformance-model.ts";
import { rowsOf } from "../../../src/history/conformance-values.ts";
import type { HistoryEntry } from "../../../src/history/history.ts";
import type { ChannelDeclaration } from "../../../src/log/channel.ts";
import { withDefaults } from "../../../src/protocol/order.ts";
import type { WireQuery } from "../../../src/protocol/query.ts";
import type { Row } from "../../../src/protocol/row.ts";
import type { Random } from "../../../src/std/random.ts";
import { compileProjection } from "../../../src/table/projection.ts";

/** Texts that are hard to keep apart, or to order. */
const PREFIXES = ["k", "K", "é", "e\u0301", "\u{1f600}", "\uffff", "\ud800", "ß", " ", "%", '"'];
const KEYS = PREFIXES.flatMap((prefix) => Array.from({ length: 10 }, (_, at) => `${prefix}${at}`));
const ROWS_PER_COMMIT = 4;
/** Commits between two changes of whether the store's writes wait. */
const HOLD_COMMITS = 25;

export interface Target {
  readonly channel: ChannelDeclaration;
  /** One commit. Returns its seq. */
  write(upserts: readonly Row[], removes: readonly string[]): Promise<number>;
  /** Lets the store's writes wait; or go on, and waits until the store has everything. */
  hold(isHeld: boolean): Promise<void>;
}

export interface Expected {
  readonly text: string;
  readonly seq: number;
}

export class Producer {
  readonly #model = new HistoryModel();
  readonly #target: Target;
  readonly #random: Random;
  readonly #rows: readonly Row[];
  #commits = 0;
  #seq = 0;

  constructor(target: Target, random: Random, seed: number) {
    this.#target = target;
    this.#random = random;
    const sample = (isWild: boolean) => fc.sample(rowsOf(isWild), { seed, numRuns: 150 });
    // As they are after their way through JSON, which has no -0.
    this.#rows = JSON.parse(JSON.stringify([...sample(false), ...sample(true)])) as Row[];
  }

  get commits(): number {
    return this.#commits;
  }

  /** Of the newest commit. */
  get seq(): number {
    return this.#seq;
  }

  /** Writes until `isDone`, and then lets the store take everything. */
  async run(isDone: () => boolean): Promise<void> {
    while (!isDone()) {
      await this.write();
      if (this.#commits % 2 === 0) await nextTurn();
    }
    await this.#target.hold(false);
  }

  async write(): Promise<void> {
    const keys = new Set(
      Array.from({ length: this.#below(ROWS_PER_COMMIT) + 1 }, () => this.#key()),
    );
    const removes = [...keys].filter(() => this.#random.next() < 0.2);
    const upserts = [...keys]
      .filter((key) => !removes.includes(key))
      .map((id): Row => ({ ...this.#rows[this.#below(this.#rows.length)], id }));
    const seq = await this.#target.write(upserts, removes);
    const at = { channel: this.#target.channel.name, seq, timeMs: 0 };
    this.#model.write([
      ...upserts.map((row): HistoryEntry => {
        const key = String(row["id"]);
        return { ...at, kind: "upsert", key, row, json: JSON.stringify(row) };
      }),
      ...removes.map((key): HistoryEntry => ({ ...at, kind: "remove", key })),
    ]);
    this.#seq = seq;
    if (++this.#commits % HOLD_COMMITS === 0)
      await this.#target.hold(this.#commits % (2 * HOLD_COMMITS) !== 0);
  }

  /** All rows of a query as of a seq, in order, as their texts. @throws as queries do */
  rowsOf(query: WireQuery, asOf: number, beforeSeq?: number): readonly Expected[] {
    const { channel } = this.#target;
    const project = compileProjection(channel, query);
    return this.#model
      .page({
        channel,
        where: query.where,
        orderBy: (query.order_by ?? []).map(withDefaults),
        limit: Number.POSITIVE_INFINITY,
        asOf,
        ...(beforeSeq !== undefined && { beforeSeq }),
      })
      .map(({ json, seq }) => ({
        text: project === undefined ? json : project(JSON.parse(json) as Row),
        seq,
      }));
  }

  #key(): string {
    return KEYS[this.#below(KEYS.length)] as string;
  }

  #below(count: number): number {
    return Math.floor(this.#random.next() * count);
  }
}

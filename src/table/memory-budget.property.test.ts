/**
 * The memory budget against a slow recomputation from the log: which rows leave, that the newest
 * rows of critical channels stay, and that a node from a checkpoint decides alike.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel, type ChannelDeclaration } from "../log/channel.ts";
import type { Commit } from "../log/log.ts";
import { Replica } from "./replica.ts";

const declared = (name: string, options: Partial<Parameters<typeof declareChannel>[0]>) =>
  declareChannel({ name, key: ["id"], ...options });
const CHANNELS: readonly ChannelDeclaration[] = [
  declared("a", { bounds: { rowsMin: 2 } }),
  declared("b", { bounds: { critical: false, evict: "oldest_arrival" } }),
  declared("c", { bounds: { rowsMin: 1 }, history: {} }),
  declared("d", { bounds: { critical: false } }),
  declared("e", { bounds: { rowsMin: 3, evict: "oldest_arrival" } }),
];
const BYTES_MAX = 220;

const step = fc.record({
  rows: fc.array(
    fc.record({
      channel: fc.constantFrom(...CHANNELS.map(({ name }) => name)),
      id: fc.constantFrom(..."klmnop"),
      text: fc.constantFrom("", "longer", "as long as it gets"),
    }),
    { maxLength: 6 },
  ),
  removed: fc.constantFrom(..."klmnop", undefined),
  isStored: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface SlowRow {
  readonly channel: string;
  readonly key: string;
  readonly json: string;
  readonly seq: number;
  /** The order of changes, and of arrivals. */
  readonly changed: number;
  readonly arrived: number;
}

/** All rows of all channels in one list. */
class SlowTables {
  rows: readonly SlowRow[] = [];
  durableSeq = 0;
  #count = 0;

  apply({ seq, changes, durableSeq = this.durableSeq }: Commit): void {
    this.durableSeq = durableSeq;
    for (const { channel, upserts, removes } of changes) {
      for (const { key, row } of upserts) {
        const json = JSON.stringify(row);
        const known = this.rows.find((each) => each.channel === channel && each.key === key);
        if (known?.json === json) continue;
        const changed = ++this.#count;
        const arrived = known?.arrived ?? changed;
        this.rows = [
          ...this.rows.filter((each) => each !== known),
          { channel, key, json, seq, changed, arrived },
        ];
      }
      this.rows = this.rows.filter(
        (each) => each.channel !== channel || !removes.includes(each.key),
      );
    }
    for (const isOf of [
      ({ bounds }: ChannelDeclaration) => bounds.critical === false,
      ({ bounds, history }: ChannelDeclaration) =>
        bounds.critical !== false && history !== undefined,
      ({ bounds, history }: ChannelDeclaration) =>
        bounds.critical !== false && history === undefined,
    ])
      this.#spare(CHANNELS.filter(isOf));
  }

  #spare(channels: readonly ChannelDeclaration[]): void {
    const bytes = (): number => this.rows.reduce((sum, { json }) => sum + json.length, 0);
    while (bytes() > BYTES_MAX) {
      const candidates = channels.flatMap(({ name, bounds, history }) => {
        const own = this.rows.filter(({ channel }) => channel === name);
        const by = bounds.evict === "oldest_arrival" ? "arrived" : "changed";
        const next = own.toSorted((left, right) => left[by] - right[by])[0];
        const mayGo = own.length > (bounds.critical === false ? 0 : (bounds.rowsMin ?? 0));
        const isStored = history === undefined || (next?.seq ?? 0) <= this.durableSeq;
        return next !== undefined && mayGo && isStored ? [next] : [];
      });
      const [gone] = candidates.toSorted((left, right) => left.seq - right.seq);
      if (gone === undefined) return;
      this.rows = this.rows.filter((row) => row !== gone);
    }
  }

  keysOf(name: string): readonly string[] {
    return this.rows.flatMap(({ channel, key }) => (channel === name ? [key] : [])).toSorted();
  }
}

function commitsOf(steps: readonly Step[]): readonly Commit[] {
  const first: Commit = {
    seq: 1,
    timeMs: 0,
    changes: [],
    declares: CHANNELS,
    tablesBytesMax: BYTES_MAX,
  };
  return [
    first,
    ...steps.map(({ rows, removed, isStored }, index): Commit => {
      const seq = index + 2;
      const changes = CHANNELS.map(({ name }) => {
        const own = new Map(
          rows.flatMap(({ channel, id, text }) => (channel === name ? [[id, { id, text }]] : [])),
        );
        const upserts = Array.from(own, ([key, row]) => ({ key, row }));
        return {
          channel: name,
          upserts,
          removes: removed === undefined || own.has(removed) ? [] : [removed],
        };
      });
      return { seq, timeMs: seq, changes, ...(isStored && { durableSeq: seq - 1 }) };
    }),
  ];
}

const keysOf = (replica: Replica, name: string): readonly string[] =>
  Array.from(replica.table(name)?.rows.values() ?? [], ({ key }) => key).toSorted();

describe("the memory budget", () => {
  it("evicts what the log's content says, in every replica alike", () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(29), (steps, at) => {
        const commits = commitsOf(steps);
        const slow = new SlowTables();
        const whole = new Replica();
        whole.begin("e");
        let begun: Replica | undefined;
        // Its views are its own, and change nothing.
        for (const commit of commits) {
          for (const replica of [whole, begun]) replica?.apply(commit);
          slow.apply(commit);
          for (const { name } of CHANNELS) {
            expect(keysOf(whole, name)).toEqual(slow.keysOf(name));
            if (begun !== undefined) expect(keysOf(begun, name)).toEqual(slow.keysOf(name));
          }
          if (commit.seq === 1) whole.acquire({ channel: "a" }, undefined);
          if (commit.seq === 1 + (at % commits.length))
            begun = Replica.from(structuredClone(whole.checkpoint()));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("says when the rows that must stay exceed it, and sends evictions as removes", () => {
    const replica = new Replica();
    const upsert = (channel: string, ...ids: readonly string[]): Commit["changes"][number] => ({
      channel,
      upserts: ids.map((id) => ({ key: id, row: { id, text: "x".repeat(80) } })),
      removes: [],
    });
    replica.apply({
      seq: 1,
      timeMs: 0,
      changes: [upsert("d", "k"), upsert("a", "k")],
      declares: CHANNELS,
      tablesBytesMax: BYTES_MAX,
    });
    const view = replica.acquire({ channel: "d" }, undefined);
    expect(replica.budget.state).toMatchObject({ evictions: 0, isExceeded: false });
    replica.apply({ seq: 2, timeMs: 0, changes: [upsert("a", "l"), upsert("e", "k", "l", "m")] });
    expect(view.changesSince(1)).toMatchObject({ upserts: [], removes: [{ key: "k", seq: 2 }] });
    expect(replica.budget.state).toMatchObject({ evictions: 1, isExceeded: true });
    expect([keysOf(replica, "a"), keysOf(replica, "e")]).toEqual([
      ["k", "l"],
      ["k", "l", "m"],
    ]);
  });
});

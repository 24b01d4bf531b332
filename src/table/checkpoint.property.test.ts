/**
 * A node that begins with a checkpoint and one that has read everything are the same to every
 * client: from there on they serve identical frames for every cursor, evict the same keys, and
 * have the same states.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Commit } from "../log/log.ts";
import type { WireQuery } from "../protocol/query.ts";
import { Replica } from "./replica.ts";
import type { View } from "./view.ts";

const KEYS = "abcdefghijklmno".split("");
const bounds = { rowsMax: 9, tombstonesMax: 5, ageMsMax: 60 };
const options = {
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "s", type: "text" },
    { name: "n", type: "integer" },
  ],
} as const;
const QUERIES: readonly WireQuery[] = [
  { channel: "c" },
  { channel: "c", where: { column: "s", eq: "x" } },
  { channel: "c", where: { column: "n", gt: 1 }, columns: ["n"] },
  { channel: "c", order_by: [{ column: "n", direction: "desc" }], limit: 3 },
  { channel: "c", limit: 3 },
  { channel: "c", where: { column: "s", eq: "x" }, columns: ["s"], limit: 2 },
];
const step = fc.record({
  rows: fc.uniqueArray(
    fc.record({ id: fc.constantFrom(...KEYS), s: fc.constantFrom("x", "y"), n: fc.nat(3) }),
    { selector: ({ id }) => id, maxLength: 5 },
  ),
  removes: fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 2 }),
  isReload: fc.boolean(),
  isStale: fc.boolean(),
  waitMs: fc.nat(20),
});

function commitsOf(
  steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[],
  evict: "oldest_change" | "oldest_arrival",
): readonly Commit[] {
  const channel = declareChannel({ ...options, bounds: { ...bounds, evict } });
  let timeMs = 0;
  return steps.map(({ rows, removes, isReload, isStale, waitMs }, index): Commit => {
    timeMs += waitMs;
    const named = new Set(rows.map(({ id }) => id));
    return {
      seq: index + 1,
      timeMs,
      source: "s",
      sourcePosition: `p${index}`,
      asOfMs: timeMs,
      ...(index === 0 && { declares: [channel] }),
      status: [{ status: isStale ? { status: "stale", reason: "away" } : { status: "live" } }],
      changes: [
        {
          channel: "c",
          upserts: rows.map((row) => ({ key: row.id, row })),
          removes: removes.filter((id) => !named.has(id)),
          total: rows.length,
          ...(isReload && index % 5 === 4 && { reload: true as const }),
        },
      ],
    };
  });
}

/** The answers to all cursors, and the snapshot. */
function answers(view: View, headSeq: number): unknown {
  const cursors = Array.from({ length: headSeq + 1 }, (_, cursor) => {
    const normal = cursor < view.rows.floor ? cursor : view.rows.normalise(cursor);
    const changes = view.changesSince(normal);
    return (
      changes && {
        normal,
        upserts: changes.upserts.map(({ key, json, seq }) => [key, json, seq]),
        removes: changes.removes.map(({ key, seq }) => [key, seq]),
      }
    );
  });
  return {
    id: view.id,
    lastSeq: view.rows.lastSeq,
    floor: view.rows.floor,
    rows: Array.from(view.rows.values(), ({ json }) => json),
    cursors,
    digest: view.rows.digest(1_000),
  };
}

describe("a node that begins with a checkpoint", () => {
  it(
    "serves the same frames as one that has read everything, for every cursor",
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(
          fc.array(step, { minLength: 2, maxLength: 30 }),
          fc.nat(29),
          fc.boolean(),
          fc.constantFrom("oldest_change", "oldest_arrival"),
          (steps, at, isRoundTripped, evict) => {
            const commits = commitsOf(steps, evict);
            const takenAt = 1 + (at % commits.length);
            const whole = new Replica();
            whole.begin("e");
            for (const commit of commits.slice(0, takenAt)) whole.apply(commit);
            const taken = whole.checkpoint();
            // The checkpoint as a store keeps it; JSON has no Infinity, and this channel's bounds
            // have none.
            const begun = Replica.from(
              isRoundTripped ? (JSON.parse(JSON.stringify(taken)) as typeof taken) : taken,
            );
            expect(begun.checkpoint()).toEqual(taken);
            const pairs = QUERIES.map(
              (query) =>
                [whole.acquire(query, undefined), begun.acquire(query, undefined)] as const,
            );
            for (const commit of [undefined, ...commits.slice(takenAt)]) {
              if (commit !== undefined) for (const replica of [whole, begun]) replica.apply(commit);
              for (const [left, right] of pairs)
                expect(answers(right, whole.seq)).toEqual(answers(left, whole.seq));
              expect([
                begun.epoch,
                begun.seq,
                begun.timeMs,
                begun.stateOf("c"),
                begun.asOf,
                begun.sourcePositionOf("s"),
                begun.table("c")?.total,
              ]).toEqual([
                whole.epoch,
                whole.seq,
                whole.timeMs,
                whole.stateOf("c"),
                whole.asOf,
                whole.sourcePositionOf("s"),
                whole.table("c")?.total,
              ]);
            }
          },
        ),
        { numRuns: 200 },
      );
    },
  );
});

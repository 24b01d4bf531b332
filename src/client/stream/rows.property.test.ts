/**
 * The client's rows against an oracle: whatever deltas, snapshots, repeats and gaps arrive, after
 * a commit the rows are the server's as of that seq; the page takes them at its own pace, in the
 * query's order, and unchanged rows are the same objects.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Commit } from "../../log/log.ts";
import { compileOrder } from "../../protocol/order.ts";
import type { WireOrderBy } from "../../protocol/query.ts";
import type { Row } from "../../protocol/row.ts";
import { JSON_DIALECT } from "../../server/session/json-dialect.ts";
import { ViewUpdate } from "../../server/turn/view-update.ts";
import { declareChannel } from "../../log/channel.ts";
import { whereContextOf } from "../../table/channel.ts";
import { Replica } from "../../table/replica.ts";
import { digestText, replaceHash, rowHash } from "../../protocol/digest.ts";
import type { Digest } from "../../protocol/messages/digest.ts";
import { OrderedRows } from "../page/ordered-rows.ts";
import { StagedRows } from "./staged-rows.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "n", type: "integer" },
    { name: "t", type: "text" },
  ],
  bounds: { tombstonesMax: 4 },
});
const ORDER: readonly WireOrderBy[] = [
  { column: "n", direction: "desc", nulls: "first" },
  { column: "t", direction: "asc", nulls: "last" },
];
const order = compileOrder(ORDER, whereContextOf(channel));

const key = fc.constantFrom(..."abcdefghij");
const step = fc.record({
  upserts: fc.uniqueArray(
    fc.record({ id: key, n: fc.constantFrom(1, 2, 3, null), t: fc.constantFrom("x", "y") }),
    { selector: ({ id }) => id, maxLength: 6 },
  ),
  removes: fc.uniqueArray(key, { maxLength: 3 }),
  /** What happens to the delta up to this seq. */
  fate: fc.constantFrom("sent", "sent", "sent", "sent twice", "lost", "split"),
  /** The page has not shown the last commit yet. */
  isPageBusy: fc.boolean(),
});

function framesOf(update: ViewUpdate): readonly ReturnType<typeof JSON.parse>[] {
  return Array.from({ length: update.frameCount }, (_, index) =>
    JSON.parse(update.frame(index, JSON_DIALECT).payload.toString()),
  );
}

describe("the rows", () => {
  it.each([
    ["in order", ORDER],
    ["unordered", []],
  ] as const)("equal the server's after every commit, %s", (_title, orderBy) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const replica = new Replica();
        replica.apply({ seq: 1, timeMs: 0, changes: [], declares: [channel] });
        const view = replica.acquire({ channel: "c" }, undefined);
        const store = new StagedRows();
        const shown = new OrderedRows();
        shown.configure({
          key: ["id"],
          columns: channel.columns,
          order_by: orderBy,
          isLimited: false,
        });
        store.begin(["id"], "snapshot");
        for (const frame of framesOf(
          ViewUpdate.snapshot(view, { frameBytesMax: 40, frameRowsMax: 2, dialects: 1 }),
        ))
          store.stageSnapshot(frame);
        store.commit();
        shown.apply(store.take());
        let cursor = 1;
        steps.forEach(({ upserts, removes, fate, isPageBusy }, index) => {
          const written = new Set(upserts.map(({ id }) => id));
          const commit: Commit = {
            seq: index + 2,
            timeMs: index,
            changes: [
              {
                channel: "c",
                upserts: upserts.map((row) => ({ key: row.id, row })),
                removes: removes.filter((id) => !written.has(id)),
              },
            ],
          };
          replica.apply(commit);
          if (fate === "lost") return;
          const before = new Map(shown.list.keys.map((id) => [id, shown.row(id)]));
          const changes = view.rows.changesSince(view.rows.normalise(cursor));
          if (changes === undefined) {
            store.begin(["id"], "snapshot");
            for (const frame of framesOf(
              ViewUpdate.snapshot(view, {
                frameBytesMax: fate === "split" ? 40 : 10_000,
                frameRowsMax: fate === "split" ? 2 : 1_000,
                dialects: 1,
              }),
            ))
              store.stageSnapshot(frame);
          } else if (view.rows.lastSeq > cursor) {
            const frames = framesOf(
              ViewUpdate.delta(view, changes, view.rows.normalise(cursor), {
                frameBytesMax: fate === "split" ? 40 : 10_000,
                frameRowsMax: fate === "split" ? 2 : 1_000,
                dialects: 1,
              }),
            );
            for (const frame of frames) expect(store.stageDelta(frame)).toBe("staged");
            if (fate === "sent twice")
              for (const frame of frames) expect(store.stageDelta(frame)).toBe("old");
          }
          const digest = view.rows.digest(1_000) ?? "";
          store.stageDelta(digestAt(view.rows.lastSeq, digest));
          expect(store.commit().fault).toBeUndefined();
          cursor = replica.seq;
          // A slow page takes several turns at once.
          if (isPageBusy && index < steps.length - 1) return;
          shown.apply(store.take());
          const truth = Array.from(view.rows.values(), ({ key: id, row }) => ({ key: id, row }));
          const taken = shown.list.keys.map((id) => ({ key: id, row: shown.row(id) as Row }));
          if (orderBy.length > 0) expect(taken).toEqual(truth.toSorted(order));
          else
            expect(taken.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(
              truth.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
            );
          for (const { key: id, row } of taken) {
            const former = before.get(id);
            if (
              former !== undefined &&
              JSON.stringify(former) === JSON.stringify(row) &&
              changes === undefined
            )
              expect(row).toBe(former);
          }
        });
      }),
      { numRuns: 300 },
    );
  });
  const digestAt = (seq: number, digest: string): Digest => ({
    op: "DISPATCH",
    type: "DIGEST",
    channel: "c",
    seq,
    digest,
  });

  const delta = (prev_seq: number, seq: number, fields: object = {}) =>
    ({
      op: "DISPATCH",
      type: "DELTA_BATCH",
      channel: "c",
      prev_seq,
      seq,
      patch: { upsert: [{ id: "b" }], remove: [] },
      watermark: { latest_ingest_seq: seq },
      ...fields,
    }) as const;
  const snapshot = (seq: number, part: number, more: boolean, id: string) =>
    ({ op: "DISPATCH", type: "SNAPSHOT", channel: "c", seq, part, more, rows: [{ id }] }) as const;
  const begun = (): StagedRows => {
    const store = new StagedRows();
    store.begin(["id"], "snapshot");
    return store;
  };
  const keysOf = (store: StagedRows): readonly string[] => [...store.keys()].toSorted();

  it("report a gap and stay as they are", () => {
    const store = begun();
    store.stageSnapshot(snapshot(5, 0, false, "a"));
    store.commit();
    expect(store.stageDelta(delta(7, 9))).toBe("gap");
    store.commit();
    expect(keysOf(store)).toEqual(["a"]);
  });

  it("show a gap after a lost frame although its watermark came", () => {
    const store = begun();
    store.stageSnapshot(snapshot(5, 0, false, "a"));
    store.commit();
    // The delta (5, 8] was lost, its watermark came.
    store.commit();
    expect(store.stageDelta(delta(8, 9))).toBe("gap");
    expect(store.seq).toBe(5);
  });

  it("find a missing part of a snapshot, and of one large seq", () => {
    const store = begun();
    expect(store.stageSnapshot(snapshot(5, 0, true, "a"))).toBe("staged");
    expect(store.stageSnapshot(snapshot(5, 2, false, "c"))).toBe("gap");
    store.stageSnapshot(snapshot(5, 0, false, "a"));
    expect(store.stageDelta(delta(5, 6, { more: true, part: 0 }))).toBe("staged");
    expect(store.stageDelta(delta(5, 6, { part: 2 }))).toBe("gap");
  });

  it("do not apply an incomplete snapshot, whatever the watermark says", () => {
    const store = begun();
    expect(store.commit().fault).toBe("gap");
    store.stageSnapshot(snapshot(5, 0, false, "a"));
    store.commit();
    store.stageSnapshot(snapshot(8, 0, true, "b"));
    expect(store.commit().fault).toBe("gap");
    expect([keysOf(store), store.seq]).toEqual([["a"], 5]);
  });

  it("show nothing of a turn before its commit, nor of one whose connection was lost", () => {
    const store = begun();
    store.stageSnapshot(snapshot(5, 0, true, "a"));
    expect(store.isLoaded).toBe(false);
    store.discardStaged();
    store.commit();
    expect(keysOf(store)).toEqual([]);
    store.stageSnapshot(snapshot(5, 0, false, "a"));
    store.commit();
    store.stageDelta(delta(5, 6));
    store.discardStaged();
    expect(store.seq).toBe(5);
    store.commit();
    expect(keysOf(store)).toEqual(["a"]);
  });

  it("are found to differ from the server's only by a digest of their own seq", () => {
    const store = begun();
    store.stageSnapshot(snapshot(5, 0, false, "a"));
    const sum = digestText(replaceHash(0, 0, rowHash(JSON.stringify({ id: "a" }))));
    store.stageDelta(digestAt(5, sum));
    expect(store.commit().fault).toBeUndefined();
    store.stageDelta(digestAt(5, "1"));
    expect(store.commit().fault).toBe("drift");
    store.stageDelta(delta(5, 6));
    // A digest of an older seq does not apply to this one.
    expect(store.stageDelta(digestAt(5, "1"))).toBe("old");
    expect(store.commit().fault).toBeUndefined();
    // A digest of a newer seq: the deltas up to it are missing.
    expect(store.stageDelta(digestAt(7, "1"))).toBe("gap");
  });
});

/**
 * The client store against an oracle: whatever deltas, snapshots, repeats and gaps arrive, the store
 * after a commit holds the server's rows as of that position, in the query's order, and rows that
 * did not change are the same objects.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Commit } from "../log/log.ts";
import type { Subscribed } from "../protocol/messages/subscribed.ts";
import { compileOrder } from "../protocol/order.ts";
import type { OrderBy } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { Cut } from "../server/cut.ts";
import { declareChannel, whereContextOf } from "../table/channel.ts";
import { Replica } from "../table/replica.ts";
import { ViewStore } from "./view-store.ts";

const channel = declareChannel({ name: "c", key: ["id"], columns: [{ name: "id", type: "text" }, { name: "n", type: "integer" }, { name: "t", type: "text" }], bounds: { tombstonesMax: 4 } });
const ORDER: readonly OrderBy[] = [{ column: "n", direction: "desc", nulls: "first" }, { column: "t", direction: "asc", nulls: "last" }];
const order = compileOrder(ORDER, whereContextOf(channel));

const key = fc.constantFrom(..."abcdefghij");
const step = fc.record({
  upserts: fc.uniqueArray(fc.record({ id: key, n: fc.constantFrom(1, 2, 3, null), t: fc.constantFrom("x", "y") }), { selector: ({ id }) => id, maxLength: 6 }),
  removes: fc.uniqueArray(key, { maxLength: 3 }),
  /** What becomes of the delta to this position. */
  fate: fc.constantFrom("sent", "sent", "sent", "sent twice", "lost", "split"),
});

function framesOf(cut: Cut): readonly ReturnType<typeof JSON.parse>[] {
  return Array.from({ length: cut.frameCount }, (_, index) => JSON.parse(cut.frame(index).payload.toString()));
}

describe("the view store", () => {
  it.each([["in order", ORDER], ["unordered", []]] as const)("equals the server's rows after every commit, %s", (_title, orderBy) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const replica = new Replica();
        replica.declare(channel);
        const view = replica.acquire({ channel: "c" }, undefined);
        const store = new ViewStore();
        const subscribed: Subscribed = { op: "DISPATCH", type: "SUBSCRIBED", index: 0, channel: "c", view: "c", epoch: "e", key: ["id"], columns: channel.columns, order_by: orderBy, mode: "snapshot" };
        store.configure(subscribed, false);
        for (const frame of framesOf(Cut.snapshot(view, 40))) store.stageSnapshot(frame);
        store.commit(0);
        let cursor = 0;
        steps.forEach(({ upserts, removes, fate }, index) => {
          const written = new Set(upserts.map(({ id }) => id));
          const commit: Commit = { seq: index + 1, timeMs: index, changes: [{ channel: "c", upserts: upserts.map((row) => ({ key: row.id, row })), removes: removes.filter((id) => !written.has(id)) }] };
          replica.apply(commit);
          if (fate === "lost") return;
          const before = new Map(store.keys.map((id) => [id, store.row(id)]));
          const changes = view.rows.changesSince(view.rows.normalise(cursor));
          if (changes === undefined) {
            store.configure(subscribed, false);
            for (const frame of framesOf(Cut.snapshot(view, fate === "split" ? 40 : 10_000))) store.stageSnapshot(frame);
          } else if (view.rows.lastSeq > cursor) {
            const frames = framesOf(Cut.delta(view, changes, view.rows.normalise(cursor), fate === "split" ? 40 : 10_000));
            for (const frame of frames) expect(store.stageDelta(frame)).toBe("staged");
            if (fate === "sent twice") for (const frame of frames) expect(store.stageDelta(frame)).toBe("old");
          }
          store.commit(replica.seq);
          cursor = replica.seq;
          const truth = Array.from(view.rows.values(), ({ key: id, row }) => ({ key: id, row }));
          const held = store.keys.map((id) => ({ key: id, row: store.row(id) as Row }));
          if (orderBy.length > 0) expect(held).toEqual(truth.toSorted(order));
          else expect(held.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual(truth.toSorted((a, b) => (a.key < b.key ? -1 : 1)));
          for (const { key: id, row } of held) {
            const former = before.get(id);
            if (former !== undefined && JSON.stringify(former) === JSON.stringify(row) && changes === undefined) expect(row).toBe(former);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it("reports a gap and keeps what it has", () => {
    const store = new ViewStore();
    store.configure({ op: "DISPATCH", type: "SUBSCRIBED", index: 0, channel: "c", view: "c", epoch: "e", key: ["id"], columns: [], order_by: [], mode: "snapshot" }, false);
    store.stageSnapshot({ op: "DISPATCH", type: "SNAPSHOT", channel: "c", seq: 5, part: 0, more: false, rows: [{ id: "a" }] });
    store.commit(5);
    expect(store.stageDelta({ op: "DISPATCH", type: "DELTA_BATCH", channel: "c", prev_seq: 7, seq: 9, patch: { upsert: [{ id: "b" }], remove: [] }, watermark: { latest_ingest_seq: 9 } })).toBe("gap");
    store.commit(5);
    expect(store.keys).toEqual(["a"]);
  });

  it("shows nothing of a turn before its commit, nor of one whose connection was lost", () => {
    const store = new ViewStore();
    store.configure({ op: "DISPATCH", type: "SUBSCRIBED", index: 0, channel: "c", view: "c", epoch: "e", key: ["id"], columns: [], order_by: [], mode: "snapshot" }, false);
    store.stageSnapshot({ op: "DISPATCH", type: "SNAPSHOT", channel: "c", seq: 5, part: 0, more: true, rows: [{ id: "a" }] });
    expect(store.isLoaded).toBe(false);
    store.discardStaged();
    expect(store.keys).toEqual([]);
  });
});

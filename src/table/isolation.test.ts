/** A row that can't be applied affects only its channel. */
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { Row } from "../protocol/row.ts";
import { Replica } from "./replica.ts";

const [good, bad] = ["good", "bad"].map((name) => declareChannel({ name, key: ["id"] })) as [
  ReturnType<typeof declareChannel>,
  ReturnType<typeof declareChannel>,
];
const upsert = (channel: string, row: Row) => ({
  channel,
  upserts: [{ key: String(row["id"]), row }],
  removes: [],
});
/** Nested deeper than the stack allows. */
function deep(): Row {
  let value: Row = { id: "x" };
  for (let level = 0; level < 200_000; level++) value = { id: "x", inner: value };
  return value;
}

describe("a commit that can't be applied to a channel", () => {
  it("makes that channel stale with the reason, and leaves the others alone", () => {
    const replica = new Replica();
    replica.apply({
      seq: 1,
      timeMs: 1,
      declares: [good, bad],
      changes: [upsert("bad", { id: "1" })],
    });
    const watched = replica.acquire(
      { channel: "bad", where: { column: "id", ne: "9" } },
      undefined,
    );
    replica.takeGone();
    replica.apply({
      seq: 2,
      timeMs: 2,
      changes: [upsert("bad", deep()), upsert("good", { id: "1" })],
    });
    expect([...(replica.table("good")?.rows.values() ?? [])].map(({ key }) => key)).toEqual(["1"]);
    expect(replica.stateOf("good")?.status).toBe("live");
    expect(replica.stateOf("bad")).toMatchObject({
      status: "stale",
      reason: expect.stringContaining("could not be applied"),
      sinceMs: 2,
    });
    // The channel's subscribers begin anew.
    expect(replica.takeGone()).toContain(watched);
    replica.apply({ seq: 3, timeMs: 3, changes: [upsert("bad", { id: "2" })] });
    expect([...(replica.table("bad")?.rows.values() ?? [])].map(({ key }) => key)).toEqual(["1"]);
  });

  it("is repaired when the channel is loaded anew", () => {
    const replica = new Replica();
    replica.apply({ seq: 1, timeMs: 1, declares: [bad], changes: [] });
    replica.apply({ seq: 2, timeMs: 2, changes: [upsert("bad", deep())] });
    replica.apply({
      seq: 3,
      timeMs: 3,
      changes: [{ ...upsert("bad", { id: "2" }), reload: true }],
    });
    expect(replica.stateOf("bad")?.status).toBe("live");
    expect(
      [
        ...replica
          .acquire({ channel: "bad", where: { column: "id", ne: "9" } }, undefined)
          .rows.values(),
      ].map(({ key }) => key),
    ).toEqual(["2"]);
  });
});

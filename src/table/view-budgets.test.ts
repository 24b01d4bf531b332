/**
 * A query's budgets of work and memory: neither other identities, nor commits, nor the identity's
 * own idle views reduce them.
 */
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import type { ViewLimits } from "./limits.ts";
import { Replica } from "./replica.ts";

const channel = declareChannel({
  name: "c",
  key: ["id"],
  columns: [
    { name: "id", type: "text" },
    { name: "owner", type: "text" },
    { name: "s", type: "text" },
    { name: "n", type: "integer" },
  ],
});
const rowsOf = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    key: `${index}`,
    row: { id: `${index}`, owner: "o", s: `s${index}`.padEnd(100, "x"), n: index },
  }));
type Upserts = ReturnType<typeof rowsOf>;

function replicaOf(count: number, limits: Partial<ViewLimits> = {}): Replica {
  const replica = new Replica(limits);
  replica.apply({
    seq: 1,
    timeMs: 0,
    declares: [channel],
    changes: [{ channel: "c", upserts: rowsOf(count), removes: [] }],
  });
  return replica;
}
const commit = (replica: Replica, upserts: Upserts): void =>
  void replica.apply({
    seq: replica.seq + 1,
    timeMs: 0,
    changes: [{ channel: "c", upserts, removes: [] }],
  });
const afterSteps = (count: number) => {
  let step = 0;
  return () => ++step >= count;
};
/** The result of the whole fill, or the code of the refusal. */
function open(replica: Replica, query: WireQuery, identity: string): string {
  try {
    const view = replica.open(query, undefined, identity);
    try {
      return replica.fill(view, () => false);
    } finally {
      replica.release(view, replica.seq);
    }
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
}

describe("a query's budget", () => {
  it("is not reduced by a commit while its view is filled", () => {
    const replica = replicaOf(100_000);
    const view = replica.open(
      { channel: "c", where: { column: "s", like: "%abc%def%" } },
      undefined,
    );
    expect(replica.fill(view, afterSteps(3))).toBe("more");
    commit(replica, [{ key: "0", row: { id: "0", owner: "o", s: "changed", n: 0 } }]);
    expect(replica.fill(view, () => false)).toBe("whole");
  });

  it("grows with the commit that it evaluates", () => {
    const replica = replicaOf(10);
    for (const like of ["%abc%def%", "%ghi%jkl%", "%mno%pqr%"])
      replica.acquire({ channel: "c", where: { column: "s", like } }, undefined);
    commit(replica, rowsOf(60_000));
    expect(replica.takeRefused()).toEqual([]);
  });

  it("reveals in its refusal nothing of rows that a policy hides", () => {
    const policy = {
      or: [
        { column: "owner", eq: "me" },
        { column: "owner", eq: "me2" },
      ],
    };
    const refusals = [1_000, 1_234].map((hidden) => {
      const replica = replicaOf(hidden);
      commit(replica, [
        { key: "mine", row: { id: "mine", owner: "me", s: "a".repeat(2_000_000), n: 0 } },
      ]);
      try {
        return replica.acquire(
          { channel: "c", where: { column: "s", regex: "[a-y]{1,40}z" } },
          policy,
        ).id;
      } catch (error) {
        return String(error);
      }
    });
    expect(refusals[0]).toContain("costs too much");
    expect(refusals[1]).toBe(refusals[0]);
  });
});

describe("an identity's share of memory", () => {
  const sorted = (limit: number): WireQuery => ({
    channel: "c",
    order_by: [{ column: "s" }],
    limit,
  });

  it("that is full does not refuse the same query to others", () => {
    const replica = replicaOf(1_000, { bytesMax: 150_000 });
    const other: WireQuery = { channel: "c", order_by: [{ column: "n" }], limit: 1 };
    replica.fill(replica.open(sorted(1), undefined, "greedy"), () => false);
    // Windows of one order share an index.
    expect(open(replica, sorted(2), "greedy")).toBe("whole");
    expect(open(replica, other, "greedy")).toBe("VIEW_TOO_LARGE");
    expect(open(replica, other, "other")).toBe("whole");
  });

  it("is not used by views without subscribers: sorting by one column after the other", () => {
    const replica = replicaOf(1_000, { bytesMax: 2_000_000 });
    expect(
      Array.from({ length: 20 }, (_, index) => open(replica, sorted(index + 1), "user")),
    ).toEqual(Array.from({ length: 20 }, () => "whole"));
  });

  it("of unrouted views is not used by views without subscribers either", () => {
    const replica = replicaOf(10, { unroutedViewsMax: 40 });
    const said = new Set(
      Array.from({ length: 60 }, (_, index) =>
        open(replica, { channel: "c", where: { column: "s", like: `%${index}%` } }, "user"),
      ),
    );
    expect([...said]).toEqual(["whole"]);
  });

  it("counts a view that is being filled once", () => {
    const replica = replicaOf(2_000, { bytesMax: 4 * 600_000 });
    const view = replica.open(sorted(5), undefined, "user");
    expect(replica.fill(view, afterSteps(28))).toBe("more");
    replica.sweep(1_000);
    expect(replica.fill(view, () => false)).toBe("whole");
  });
});

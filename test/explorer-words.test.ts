/** What the explorer says about filters, ages and the connection. */
import { describe, expect, it } from "vitest";
import { formatAge } from "../examples/ui/format.ts";
import { linkOf } from "../examples/ui/link.ts";
import { whereOf } from "../examples/ui/filter-text.ts";
import { refusedFilters } from "../explorer/use-filtered-view.ts";

describe("a filter", () => {
  it("compares numbers as numbers, and says that it can't where the column holds text", () => {
    const columns = [
      { name: "total", type: "numeric" },
      { name: "weight", type: "text" },
    ] as const;
    expect(whereOf(columns, { total: ">10" }).where).toEqual({ column: "total", gt: "10" });
    expect(whereOf(columns, { weight: ">10" })).toEqual({
      where: undefined,
      errors: { weight: expect.stringContaining("holds text") },
    });
    expect(whereOf(columns, { weight: ">m" }).where).toEqual({ column: "weight", gt: "m" });
  });

  it("is blamed for the server's refusal when it is the one that can be wrong", () => {
    const error = { code: "BAD_REGEX", message: "Bad regex" };
    const filters = { a: "/x+/", b: "/(?!y)/", c: "text", d: "/(/" };
    expect(refusedFilters(error, { a: "/x+/", c: "text" }, {})).toEqual({ a: "Bad regex" });
    expect(Object.keys(refusedFilters(error, filters, {}))).toEqual(["b", "d"]);
    expect(refusedFilters({ ...error, code: "UNKNOWN_CHANNEL" }, filters, {})).toEqual({});
  });
});

describe("an age", () => {
  it("is not of the future because clocks differ a little", () => {
    expect([-9_000, -1, 0, 499, 3_000].map(formatAge)).toEqual([
      "now",
      "now",
      "now",
      "now",
      "3 s ago",
    ]);
    expect(formatAge(-3_600_000)).toBe("in 1 h");
  });
});

describe("the connection in words", () => {
  it("is one state for a whole outage", () => {
    const kindOf = (state: Parameters<typeof linkOf>[0]["state"], silentSinceMs?: number) =>
      linkOf({ state, silentSinceMs }, 5_000).kind;
    const lost = { attempt: 3, reason: "connection lost" };
    expect(kindOf({ kind: "waiting", ...lost, retryAtMs: 6_000, isAskedFor: false })).toBe(
      "disconnected",
    );
    expect(kindOf({ kind: "connecting", ...lost })).toBe("disconnected");
    expect(kindOf({ kind: "greeting", ...lost })).toBe("disconnected");
    expect(kindOf({ kind: "connecting", attempt: 0, reason: undefined })).toBe("connecting");
    expect(kindOf({ kind: "open", sinceMs: 0, attempt: 0 })).toBe("open");
    expect(kindOf({ kind: "open", sinceMs: 0, attempt: 0 }, 1_000)).toBe("silent");
  });
});

/** The explorer's pure parts: the order of a table, held rows. */
import { describe, expect, it } from "vitest";
import type { Column } from "../src/client/index.ts";
import { heldKeys, hold, withOlderRows } from "../explorer/held-keys.ts";
import { newestFirst } from "../explorer/newest-first.ts";
import { formatHash, parseHash } from "../explorer/page-state.ts";

const column = (name: string, type: Column["type"]): Column => ({ name, type });

describe("the newest rows", () => {
  it.each([
    ["a time in the key", ["symbol", "time"], ["symbol text", "time timestamp"], "time"],
    ["a key that counts up", ["id"], ["id bigint", "created_at timestamp"], "id"],
    [
      "the time of creation",
      ["id"],
      ["id text", "updated_at timestamp", "created_at timestamp"],
      "created_at",
    ],
  ])("are known by %s", (_, key, columns, expected) => {
    const shape = columns.map((text) => {
      const [name = "", type] = text.split(" ");
      return column(name, type as Column["type"]);
    });
    expect(newestFirst({ columns: shape, key })).toEqual({ column: expected, direction: "desc" });
  });

  it("are not known by the time of the last change, nor by a part of a key", () => {
    const columns = [
      column("a", "integer"),
      column("b", "integer"),
      column("updated_at", "timestamp"),
    ];
    expect(newestFirst({ columns, key: ["a", "b"] })).toBeUndefined();
  });
});

describe("held rows", () => {
  const held = hold(["c", "b", "a"]);

  it("stay the same array while rows enter above", () => {
    expect(heldKeys(held, ["e", "d", "c", "b", "a"])).toBe(held.keys);
  });

  it("lose rows that leave, and take no new ones between", () => {
    expect(heldKeys(held, ["d", "c", "b"])).toEqual(["c", "b"]);
    expect(heldKeys(held, ["c", "x", "a"])).toEqual(["c", "a"]);
    expect(heldKeys(held, [])).toEqual([]);
  });

  it("go on with older rows that are loaded behind the last held one", () => {
    const keys = ["d", "c", "b", "a", "9", "8"];
    const grown = withOlderRows(held, keys);
    expect(heldKeys(grown, keys)).toEqual(["c", "b", "a", "9", "8"]);
    expect(withOlderRows(held, ["d", "c", "b", "a"])).toBe(held);
  });
});

describe("the address", () => {
  it("has the moment, its speed and whether it plays, and is live without a moment", () => {
    const hash = "#/orders?sort=-total&row=5&at=2026-01-31T12%3A00%3A00.500Z&speed=10&play=1";
    const state = parseHash(hash);
    expect(state.past).toEqual({
      atMs: Date.parse("2026-01-31T12:00:00.500Z"),
      speed: 10,
      isPlaying: true,
    });
    expect(formatHash(state)).toBe(hash);
    expect(parseHash("#/orders?at=2026-01-31T12:00Z&speed=7").past).toMatchObject({
      speed: 1,
      isPlaying: false,
    });
    for (const live of ["#/orders", "#/orders?at=yesterday&play=1"])
      expect(parseHash(live).past).toBeUndefined();
  });
});

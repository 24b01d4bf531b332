/** What a row leaves behind when it changes: indexes may still have it as it was. */
import { describe, expect, it } from "vitest";
import { ChangeOrderedRows } from "./change-ordered-rows.ts";

const set = (rows: ChangeOrderedRows, key: string, n: number, seq: number) =>
  rows.set(key, { n }, JSON.stringify({ n }), seq, 0);

describe("a row that has changed or left", () => {
  it("stays as it was, and keeps no neighbours", () => {
    const rows = new ChangeOrderedRows(0, 10);
    const [first, second] = [set(rows, "a", 1, 1), set(rows, "b", 1, 2)];
    set(rows, "c", 1, 3);
    set(rows, "b", 2, 4);
    rows.delete("a", 5);
    for (const { key, row, seq, older, newer } of [first, second])
      expect([key, row, seq, older, newer]).toEqual([
        key,
        { n: 1 },
        key === "a" ? 1 : 2,
        null,
        null,
      ]);
    expect(rows.changesSince(0)).toMatchObject({
      upserts: [{ key: "c" }, { key: "b", json: '{"n":2}' }],
      removes: [{ key: "a" }],
    });
  });

  it("leaves the digest of the rows that are there", () => {
    const [changed, fresh] = [new ChangeOrderedRows(0, 10), new ChangeOrderedRows(0, 10)];
    for (const [at, key] of ["a", "b", "c"].entries()) set(changed, key, 1, at + 1);
    changed.digest(10);
    set(changed, "c", 2, 4);
    set(changed, "b", 2, 5);
    expect(changed.digest(1)).toBeUndefined();
    changed.delete("c", 6);
    set(changed, "b", 3, 7);
    for (const [key, n] of [["a", 1] as const, ["b", 3] as const]) set(fresh, key, n, n);
    expect(changed.digest(10)).toBe(fresh.digest(10));
  });
});

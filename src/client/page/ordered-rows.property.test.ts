/** The shown rows against a slow sort, whoever reads their arrays and keeps them. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Row } from "../../protocol/row.ts";
import { OrderedRows } from "./ordered-rows.ts";

const SHAPE = { key: ["id"], columns: [], order_by: [{ column: "n" }], isLimited: false } as const;

const batch = fc.record({
  changed: fc.array(fc.record({ id: fc.nat(40).map(String), n: fc.nat(8) }), { maxLength: 30 }),
  removed: fc.array(fc.nat(40).map(String), { maxLength: 6 }),
  /** Whether the application reads the array of rows. */
  areRowsRead: fc.boolean(),
});

it("shows a slow sort's rows, and changes no array that was read", () => {
  fc.assert(
    fc.property(fc.array(batch, { maxLength: 25 }), (batches) => {
      const shown = new OrderedRows();
      shown.configure(SHAPE);
      const truth = new Map<string, Row>();
      const kept: { readonly array: readonly unknown[]; readonly copy: readonly unknown[] }[] = [];
      for (const { changed, removed, areRowsRead } of batches) {
        const upserts = [...new Map(changed.map((row) => [row.id, row])).values()];
        const removes = removed.filter((id) => !upserts.some((row) => row.id === id));
        shown.apply({ upserts, removes: [...new Set(removes)] });
        for (const row of upserts) truth.set(row.id, row);
        for (const id of removes) truth.delete(id);
        const sorted = [...truth.values()].toSorted(
          (a, b) => Number(a["n"]) - Number(b["n"]) || (String(a["id"]) < String(b["id"]) ? -1 : 1),
        );
        const { list } = shown;
        expect(list.keys).toEqual(sorted.map((row) => row["id"]));
        kept.push({ array: list.keys, copy: [...list.keys] });
        if (!areRowsRead) continue;
        expect(list.rows).toEqual(sorted);
        kept.push({ array: list.rows, copy: [...list.rows] });
      }
      for (const { array, copy } of kept) expect(array).toEqual(copy);
    }),
    { numRuns: 300 },
  );
});

it("copies no rows for an application that reads them by key", () => {
  const shown = new OrderedRows();
  shown.configure(SHAPE);
  shown.apply({ upserts: [{ id: "1", n: 1 }], removes: [] });
  const former = shown.list;
  shown.apply({ upserts: [{ id: "2", n: 2 }], removes: [] });
  const { rows } = shown.list;
  // The former list was not read, so its rows are the present ones.
  expect(former.rows).toBe(rows);
  shown.apply({ upserts: [{ id: "3", n: 3 }], removes: [] });
  expect(shown.list.rows).not.toBe(rows);
  expect([rows.length, shown.list.rows.length]).toEqual([2, 3]);
});

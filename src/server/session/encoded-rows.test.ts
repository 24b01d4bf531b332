import fc from "fast-check";
import { expect, it } from "vitest";
import { EncodedRows, EncodedViews, type EncodableRow } from "./encoded-rows.ts";

const textOf = (rows: EncodedRows, all: Iterable<EncodableRow>): string =>
  Buffer.concat(rows.encode(all)).toString();
const rowOf = (key: string, value: unknown): EncodableRow => ({
  key,
  json: JSON.stringify({ key, value }),
});

it("is the rows as they are, whatever has changed since", () => {
  const key = fc.integer({ min: 0, max: 300 }).map(String);
  const step = fc.oneof(
    fc.record({ set: fc.array(fc.tuple(key, fc.string()), { maxLength: 200 }) }),
    fc.record({ remove: fc.array(key, { maxLength: 100 }) }),
    fc.record({ evict: fc.integer({ min: 0, max: 150 }) }),
    fc.constant({}),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const rows = new Map<string, EncodableRow>();
      const encoded = new EncodedRows();
      for (const each of steps) {
        if ("set" in each) for (const [name, value] of each.set) rows.set(name, rowOf(name, value));
        if ("remove" in each) for (const name of each.remove) rows.delete(name);
        if ("evict" in each)
          for (const name of [...rows.keys()].slice(0, each.evict)) rows.delete(name);
        const text = [...rows.values()].map(({ json }) => json).join(",");
        expect(textOf(encoded, rows.values())).toBe(text);
        expect(encoded.size).toBeLessThanOrEqual(Buffer.byteLength(text));
      }
    }),
  );
});

it("encodes only rows near those that have changed", () => {
  const rows = new Map(
    Array.from({ length: 2_000 }, (_, at) => [String(at), rowOf(String(at), "é".repeat(100))]),
  );
  const encoded = new EncodedRows();
  const before = new Set(encoded.encode(rows.values()));
  for (let at = 0; at < 20; at++) rows.delete(String(at));
  rows.set("500", rowOf("500", "changed"));
  for (let at = 2_000; at < 2_020; at++) rows.set(String(at), rowOf(String(at), at));
  const after = encoded.encode(rows.values());
  const fresh = after.filter((part) => !before.has(part));
  // At the start, in the middle, and at the end, where a short chunk was.
  expect(fresh.length).toBeLessThanOrEqual(4);
  expect(Buffer.concat(fresh).length).toBeLessThan(Buffer.concat(after).length / 8);
});

it("keeps the views that were asked for last, within its bytes, and for a minute", () => {
  const rows = new Map(Array.from({ length: 200 }, (_, at) => [at, rowOf(String(at), at)]));
  const bytes = Buffer.concat(new EncodedRows().encode(rows.values())).length;
  const views = new EncodedViews(2 * bytes);
  const first = (id: string, nowMs: number): Buffer | undefined =>
    views.encode({ id, rows }, nowMs)[0];
  const [a, b] = [first("a", 0), first("b", 0)];
  expect(first("a", 1)).toBe(a);
  first("c", 2);
  expect(first("a", 3)).toBe(a);
  expect(first("b", 4)).not.toBe(b);
  views.sweep(60_003);
  expect(first("a", 60_004)).toBe(a);
  views.sweep(120_005);
  expect(first("a", 120_006)).not.toBe(a);
});

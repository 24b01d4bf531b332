/**
 * Pending writes over rows: membership, order, limit, identity; they hide only the columns that
 * they set.
 */
import { describe, expect, it } from "vitest";
import type { WireQuery } from "../../protocol/query.ts";
import type { Row } from "../../protocol/row.ts";
import type { ViewShape } from "../port.ts";
import { OrderedRows } from "../page/ordered-rows.ts";
import { Overlay, type Layer } from "./overlay.ts";
import type { RowPatch } from "./row-patch.ts";

const COLUMNS = [
  { name: "id", type: "text" },
  { name: "status", type: "text" },
  { name: "price", type: "numeric" },
] as const;
const row = (id: string, status: string, price: string): Row => ({ id, status, price });
const patch = (key: string, fields: Partial<RowPatch>): RowPatch => ({
  channel: "c",
  key,
  ...fields,
});

function view(query: Omit<WireQuery, "channel">, rows: readonly Row[]) {
  const shape: ViewShape = {
    key: ["id"],
    columns: COLUMNS,
    order_by: query.order_by ?? [],
    isLimited: query.limit !== undefined,
  };
  const base = new OrderedRows();
  base.configure(shape);
  base.apply({ upserts: rows, removes: [] });
  const overlay = new Overlay({ channel: "c", ...query });
  overlay.configure(shape);
  return {
    base,
    over: (
      patches: readonly RowPatch[],
      elsewhere: (key: string) => Row | undefined = () => undefined,
    ): Layer => overlay.over(base, patches, elsewhere),
  };
}

const ROWS = [row("a", "new", "1.50"), row("b", "new", "2"), row("c", "done", "10")];

describe("an overlay", () => {
  it("sets columns and leaves the others to the server", () => {
    const { base, over } = view({}, ROWS);
    const patches = [patch("a", { set: { status: "done" } })];
    expect(over(patches).row("a")).toEqual(row("a", "done", "1.50"));
    base.apply({ upserts: [row("a", "other", "3")], removes: [] });
    expect(over(patches).row("a")).toEqual(row("a", "done", "3"));
    expect(over(patches).list.keys).toEqual(["a", "b", "c"]);
  });

  it("keeps a row the same object until it or its patches change", () => {
    const { base, over } = view({}, ROWS);
    const patches = [patch("a", { set: { status: "done" } })];
    const first = over(patches).row("a");
    base.apply({ upserts: [row("b", "x", "2")], removes: [] });
    expect(over([...patches]).row("a")).toBe(first);
    expect(over(patches).row("c")).toBe(base.row("c"));
  });

  it("removes a row that leaves the filter, and inserts one that another view has with all columns", () => {
    const { over } = view({ where: { column: "status", eq: "new" } }, ROWS.slice(0, 2));
    expect(over([patch("a", { set: { status: "done" } })]).list.keys).toEqual(["b"]);
    expect(over([patch("c", { set: { status: "new" } })]).list.keys).toEqual(["a", "b"]);
    const entered = over([patch("c", { set: { status: "new" } })], () => ROWS[2]);
    expect([entered.list.keys, entered.row("c")]).toEqual([["a", "b", "c"], row("c", "new", "10")]);
  });

  it("keeps the membership that the server gave where the client can't tell", () => {
    const { over } = view({ where: { column: "status", regex: "^n" } }, ROWS.slice(0, 2));
    expect(over([patch("a", { set: { status: "done" } })]).list.keys).toEqual(["a", "b"]);
    const projected = view({ columns: ["price"], where: { column: "secret", eq: 1 } }, ROWS);
    expect(projected.over([patch("a", { set: { price: "9" } })]).row("a")).toEqual({
      id: "a",
      status: "new",
      price: "9",
    });
  });

  it("moves a row in the order, by the column's type, and drops rows beyond the limit", () => {
    const query = { order_by: [{ column: "price" }], limit: 3 };
    const { over } = view(query, ROWS);
    expect(over([patch("a", { set: { price: "9.5" } })]).list.keys).toEqual(["b", "a", "c"]);
    expect(over([patch("a", { set: { price: "100" } })]).list.keys).toEqual(["b", "c", "a"]);
    expect(over([patch("n", { insert: row("n", "new", "1") })]).list.keys).toEqual(["n", "a", "b"]);
    expect(over([patch("b", { remove: true })]).list.keys).toEqual(["a", "c"]);
  });

  it("keeps every row where a limit has no order: only the server knows which is the oldest", () => {
    const { over } = view({ limit: 3 }, ROWS);
    expect(over([patch("n", { insert: row("n", "new", "1") })]).list.keys).toEqual([
      "a",
      "b",
      "c",
      "n",
    ]);
  });

  it("is the same while neither the rows below nor the patches have changed", () => {
    const { base, over } = view({ order_by: [{ column: "price" }] }, ROWS);
    const patches = [patch("a", { set: { price: "9.5" } })];
    const first = over(patches);
    expect(over([...patches])).toBe(first);
    base.apply({ upserts: [row("b", "x", "2")], removes: [] });
    const second = over(patches);
    expect(second.list.rows).toEqual([row("b", "x", "2"), row("a", "new", "9.5"), ROWS[2]]);
    expect(first.list.rows[0]).toBe(ROWS[1]);
    expect(over([...patches, patch("b", {})]).list.rows).not.toBe(second);
    expect(over([]).list).toBe(base.list);
  });

  it("applies several patches of one row in order, and says which rows are pending", () => {
    const { over } = view({}, ROWS);
    const layer = over([
      patch("n", { insert: row("n", "new", "5") }),
      patch("n", { set: { price: "6" } }),
      patch("a", { remove: true }),
      patch("b", {}),
    ]);
    expect([layer.list.keys, layer.row("n")]).toEqual([["b", "c", "n"], row("n", "new", "6")]);
    expect(["a", "b", "c", "n"].map((key) => layer.isPending(key))).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect(layer.row("b")).toBe(over([]).row("b"));
  });

  it("keeps the selected columns where the channel declares none", () => {
    const overlay = new Overlay({ channel: "c", columns: ["text"] });
    const shape: ViewShape = { key: ["id"], columns: [], order_by: [], isLimited: false };
    const base = new OrderedRows();
    base.configure(shape);
    base.apply({ upserts: [{ id: "n", text: "old" }], removes: [] });
    overlay.configure(shape);
    expect(
      overlay
        .over(base, [patch("n", { set: { text: "new", secret: 1 } })], () => undefined)
        .row("n"),
    ).toEqual({ id: "n", text: "new" });
  });

  it("sets nothing on a row that others have removed", () => {
    const { base, over } = view({}, ROWS);
    base.apply({ upserts: [], removes: ["a"] });
    expect(over([patch("a", { set: { status: "done" } })]).list.keys).toEqual(["b", "c"]);
  });
});

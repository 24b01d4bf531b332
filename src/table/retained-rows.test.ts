/** Rows that have left a channel are left to the collector, whatever views were built on it. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { WireQuery } from "../protocol/query.ts";
import { Replica } from "./replica.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ROWS = 1_000;
const queries: readonly WireQuery[] = [
  { channel: "c", order_by: [{ column: "n" }], limit: 10 },
  { channel: "c", where: { column: "kind", eq: "a" }, order_by: [{ column: "n" }], limit: 10 },
  { channel: "c", where: { column: "n", gte: 0 } },
  { channel: "c", where: { column: "kind", eq: "a" } },
];

it.each(queries)(
  "keeps no row that has left, after %j was filled beside new rows",
  async (query) => {
    const replica = new Replica({ fillStepRows: 10 });
    const declares = [
      declareChannel({
        name: "c",
        key: ["id"],
        columns: [
          { name: "id", type: "text" },
          { name: "n", type: "integer" },
          { name: "kind", type: "text" },
        ],
        bounds: { rowsMax: ROWS, tombstonesMax: 10 },
      }),
    ];
    const first: WeakRef<object>[] = [];
    let count = 0;
    const add = (rows: number): void => {
      const upserts = Array.from({ length: rows }, () => {
        const row = { id: String(count), n: count++, kind: "a" };
        if (first.length < ROWS) first.push(new WeakRef(row));
        return { key: row.id, row };
      });
      const removes = Array.from({ length: rows }, (_, at) => String(count - ROWS - rows + at));
      replica.apply({
        seq: replica.seq + 1,
        timeMs: 0,
        ...(replica.seq === 0 && { declares }),
        changes: [{ channel: "c", upserts, removes }],
      });
    };
    add(ROWS);
    const view = replica.open(query, undefined);
    // The rows that come meanwhile are more than the iterator of those before still has to read.
    while (replica.fill(view, () => true) === "more") add(2);
    for (let round = 0; round < 20; round++) add(ROWS / 2);
    replica.takeDirty();
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    expect(view.rows.size).toBeGreaterThan(0);
    expect(first.filter((row) => row.deref() !== undefined)).toHaveLength(0);
  },
);

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { declareChannel } from "../log/channel.ts";
import type { ChannelHistory } from "../log/limits.ts";
import type { ChannelChange } from "../log/log.ts";
import type { WireWhere } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "./channel.ts";
import { Replica } from "./replica.ts";

const tableOf = (history: Partial<ChannelHistory>) =>
  declareChannel({
    name: "t",
    key: ["id"],
    columns: [
      { name: "id", type: "text" },
      { name: "price", type: "integer" },
      { name: "team", type: "text" },
    ],
    bounds: { rowsMax: 3 },
    history,
  });

const id = fc.constantFrom(..."abcdefgh");
const row = fc.record(
  { id, price: fc.nat(4), team: fc.constantFrom("red", "blue") },
  { noNullPrototype: true },
);
const change = fc
  .record({
    upserts: fc.uniqueArray(row, { maxLength: 3, selector: (each) => each.id }),
    removes: fc.uniqueArray(id, { maxLength: 2 }),
  })
  .map(({ upserts, removes }): ChannelChange => ({
    channel: "t",
    upserts: upserts.map((each) => ({ key: each.id, row: each })),
    removes: removes.filter((key) => !upserts.some((each) => each.id === key)),
  }));
const price: fc.Arbitrary<WireWhere> = fc
  .nat(4)
  .map((value) => ({ column: "price", gte: value }) as const);

/** Gives a client what changed since its cursor, every few commits. */
function follow(
  changes: readonly ChannelChange[],
  options: { readonly where: WireWhere; readonly policy?: WireWhere; readonly every: number },
  history: Partial<ChannelHistory> = {},
) {
  const declaration = tableOf(history);
  const replica = new Replica();
  replica.begin("e");
  replica.apply({ seq: 1, timeMs: 0, changes: [], declares: [declaration] });
  const query = { channel: "t", where: options.where, history: true };
  const view = replica.acquire(query, options.policy);
  const matches = compileWhere(
    { and: [options.where, ...(options.policy === undefined ? [] : [options.policy])] },
    whereContextOf(declaration),
  );
  const all = new Map<string, Row>();
  const client = new Map<string, Row>();
  const told = new Set<string>();
  const checks: { readonly client: object; readonly wanted: object }[] = [];
  let cursor = 1;
  changes.forEach((each, at) => {
    replica.apply({ seq: at + 2, timeMs: at, changes: [each], durableSeq: at + 1 });
    while (!replica.follow(() => false)) continue;
    for (const key of each.removes) all.delete(key);
    for (const upsert of each.upserts) all.set(upsert.key, upsert.row);
    if (at % options.every !== 0) return;
    const since = view.changesSince(cursor);
    cursor = replica.seq;
    const wanted = [...all].filter(([, value]) => matches(value));
    // A row came and was evicted since the cursor: the client loads its rows anew.
    if (since === undefined) {
      client.clear();
      for (const [key, value] of wanted) client.set(key, value);
      return;
    }
    for (const { key } of since.removes) {
      client.delete(key);
      told.add(key);
    }
    for (const { key, json } of since.upserts) client.set(key, JSON.parse(json) as Row);
    checks.push({
      client: Object.fromEntries(client),
      wanted: Object.fromEntries(wanted),
    });
  });
  return { checks, told, evictions: replica.table("t")?.evictions ?? 0 };
}

describe("a feed", () => {
  it("keeps a client exact that holds every row that matches, whatever the live table evicts", () => {
    let evictions = 0;
    fc.assert(
      fc.property(
        fc.array(change, { minLength: 5, maxLength: 30 }),
        price,
        fc.integer({ min: 1, max: 3 }),
        (changes, where, every) => {
          const result = follow(changes, { where, every });
          evictions += result.evictions;
          for (const { client, wanted } of result.checks) expect(client).toEqual(wanted);
        },
      ),
      { numRuns: 500 },
    );
    expect(evictions).toBeGreaterThan(500);
  });

  it("names no key of a row whose versions the caller was never allowed to see", () =>
    fc.assert(
      fc.property(fc.array(change, { minLength: 5, maxLength: 30 }), price, (changes, where) => {
        const policy = { column: "team", eq: "red" } as const;
        const { told } = follow(changes, { where, policy, every: 1 });
        for (const key of told) {
          const versions = changes.flatMap(({ upserts }) => upserts.filter((at) => at.key === key));
          expect(versions.some(({ row: version }) => version["team"] === "red")).toBe(true);
        }
      }),
    ));

  it("tells nothing of rows outside an append-only table, so that filters stay cheap", () => {
    const rowOf = (key: string, value: number) => ({ id: key, price: value, team: "red" });
    const changes = [..."abcdef"].map((key, at): ChannelChange => ({
      channel: "t",
      upserts: [{ key, row: rowOf(key, at % 2) }],
      removes: [],
    }));
    const where = { column: "price", eq: 1 } as const;
    expect([...follow(changes, { where, every: 1 }).told]).toEqual(["e"]);
    expect([...follow(changes, { where, every: 1 }, { appendOnly: true }).told]).toEqual([]);
  });
});

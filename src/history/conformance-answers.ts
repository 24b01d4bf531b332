/** What a store answers as of a seq, compared with live views and with the change log. */
import fc from "fast-check";
import { expect, it } from "vitest";
import type { Column } from "../protocol/column.ts";
import type { Row } from "../protocol/row.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import { COLUMNS, orderBy, rowsOf, where } from "./conformance-values.ts";
import { commit, type Step, type World } from "./conformance-world.ts";
import type { PageQuery } from "./history.ts";

export function answers(world: World, queries: number): void {
  it("answers as of every seq as the change log says", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(commit, { minLength: 1, maxLength: 12 }), async (commits) => {
        const channel = await world.channel();
        const from = world.seq;
        await world.write(channel, ...commits);
        for (let asOf = from; asOf <= world.seq; asOf++) {
          await world.expectPages(world.query(channel, { asOf, limit: 3 }));
          await world.expectScan(channel, asOf);
        }
        const beforeSeq = from + Math.ceil(commits.length / 2);
        await world.expectPages(world.query(channel, { beforeSeq }));
      }),
      { numRuns: Math.ceil(queries / 10), endOnFailure: true },
    );
  });

  for (const isWild of [false, true]) {
    const what = isWild ? "with values that their types do not allow" : "of every type";
    it(`filters, orders and pages rows ${what} as live views do`, async () => {
      const channel = await world.channel({
        key: ["id"],
        columns: [{ name: "id", type: "text" }, ...COLUMNS],
      });
      await fillTyped(world, channel, isWild);
      const from = world.seq - 3;
      await fc.assert(
        fc.asyncProperty(
          fc.option(where, { nil: undefined, freq: 8 }),
          orderBy,
          fc.integer({ min: 7, max: 90 }),
          fc.nat(3),
          async (where, orderBy, limit, back) => {
            const query = { where, orderBy, limit, asOf: from + back };
            if (!isAllowed(world, world.query(channel, query))) return;
            await world.expectPages(world.query(channel, query));
          },
        ),
        { numRuns: queries, endOnFailure: true },
      );
    });
  }

  it("pages many rows both ways, by repeated values and with nulls at either end", async () => {
    const columns: readonly Column[] = [
      { name: "id", type: "text" },
      { name: "at", type: "timestamp" },
      { name: "x", type: "float" },
    ];
    const channel = await world.channel({ key: ["id"], columns });
    const from = world.seq;
    const upsert = (index: number): Step => {
      const id = `k${(index * 37) % 200}`;
      const at = index % 9 === 0 ? null : new Date(index * 60_000).toISOString();
      return { upsert: id, row: { id, at, x: index % 5 === 0 ? null : (index * 7) % 30 } };
    };
    const commits = Array.from({ length: 30 }, (_, at) =>
      Array.from({ length: 8 }, (__, place) => upsert(at * 8 + place)),
    );
    await world.write(channel, ...commits, [{ remove: "k1" }, { remove: "k2" }]);
    for (const column of ["at", "x"])
      for (const direction of ["asc", "desc"] as const)
        for (const nulls of ["first", "last"] as const) {
          const orderBy = [{ column, direction, nulls }];
          await world.expectPages(world.query(channel, { orderBy, limit: 65 }));
          if (world.isSlow) continue;
          await world.expectPages(world.query(channel, { orderBy, limit: 65, asOf: from + 20 }));
        }
  });

  it("filters and orders by columns that are not declared, by the kinds of their values", async () => {
    const columns: readonly Column[] = [];
    const channel = await world.channel({ key: ["id"], columns });
    await world.write(
      channel,
      [1, "1", null, true, "é", 0.5, "\ud800", [1], { a: 1 }].map((x, index) => ({
        upsert: `k${index}`,
        row: { id: `k${index}`, ...(x !== null && { x }) },
      })),
    );
    for (const where of [
      { column: "x", gt: 0 },
      { not: { column: "x", eq: "1" } },
      { column: "x", is_null: true },
      { column: "x", regex: "^.$" },
    ]) {
      await world.expectPages(world.query(channel, { where, limit: 2 }));
      await world.expectPages(
        world.query(channel, {
          where,
          orderBy: [{ column: "x", direction: "desc", nulls: "first" }],
          limit: 2,
        }),
      );
    }
  });

  it("refuses what live views refuse, and ends a query that nobody waits for", async () => {
    const channel = await world.channel();
    const page = (where: PageQuery["where"]) => world.store.page(world.query(channel, { where }));
    await expect(page({ column: "none", eq: 1 })).rejects.toMatchObject({ code: "BAD_QUERY" });
    await expect(page({ column: "id", regex: "(" })).rejects.toMatchObject({ code: "BAD_REGEX" });
    await expect(
      world.store.page(world.query(channel), AbortSignal.abort(new Error("gone"))),
    ).rejects.toThrow("gone");
  });
}

/** Rows of every type, some of which change and leave in the last commits. */
async function fillTyped(
  world: World,
  channel: ChannelDeclaration,
  isWild: boolean,
): Promise<void> {
  const rows = fc.sample(rowsOf(isWild), { numRuns: 120, seed: isWild ? 1 : 2 });
  const upsert = (row: Row, index: number): Step => ({
    upsert: `k${index % 80}`,
    row: { ...row, id: `k${index % 80}` },
  });
  const steps = rows.map(upsert);
  await world.write(channel, steps.slice(0, 80), steps.slice(80, 100), steps.slice(100), [
    { remove: "k3" },
    { remove: "k90" },
  ]);
}

function isAllowed(world: World, query: PageQuery): boolean {
  try {
    world.model.page(query);
    return true;
  } catch {
    return false;
  }
}

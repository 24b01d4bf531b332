/**
 * P6: what a query selects, over the suite's own rows. The expected results are written out, not
 * computed.
 */
import { PROTOCOL_LIMITS } from "../../protocol/limits.ts";
import type { Row } from "../../protocol/row.ts";
import { check, unseen, type Check } from "./check.ts";
import { scenarioOf, WINDOW } from "./scenario.ts";
import type { TestedServer } from "./tested-server.ts";
import { must, skip } from "./check-result.ts";
import type { OwnRow } from "./writer.ts";

/** Rows `a` to `e`: amounts 1, 2, 2, 10 and null; notes as they are here. */
const NOTES = { a: "apple", b: "Banana", c: null, d: "100%", e: "a_b" } as const;

/** A `where`, and the names of the rows that it selects. */
const WHERES: readonly (readonly [where: unknown, names: string])[] = [
  [{ column: "amount", eq: 2 }, "bc"],
  [{ column: "amount", ne: 2 }, "ad"],
  [{ column: "amount", lt: 2 }, "a"],
  [{ column: "amount", lte: 2 }, "abc"],
  [{ column: "amount", gt: 2 }, "d"],
  [{ column: "amount", gte: 2 }, "bcd"],
  [{ column: "amount", in: [1, 10] }, "ad"],
  [{ column: "amount", in: [] }, ""],
  [{ column: "amount", between: [2, 10] }, "bcd"],
  [{ column: "amount", eq: null }, ""],
  [{ column: "amount", is_null: true }, "e"],
  [{ column: "amount", is_null: false }, "abcd"],
  // A comparison with null is unknown, and so is its opposite.
  [{ not: { column: "amount", eq: 2 } }, "ad"],
  [{ not: { column: "amount", in: [1, null] } }, ""],
  [
    {
      or: [
        { column: "amount", gt: 5 },
        { column: "note", is_null: true },
      ],
    },
    "cd",
  ],
  [
    {
      and: [
        { column: "amount", gte: 2 },
        { column: "note", is_null: false },
      ],
    },
    "bd",
  ],
  [{ column: "note", like: "a%" }, "ae"],
  [{ column: "note", like: "a_b" }, "e"],
  [{ column: "note", like: "100\\%" }, "d"],
  // RE2 matches anywhere in the text, and is case-sensitive.
  [{ column: "note", regex: "an" }, "b"],
  [{ column: "note", regex: "^[a-z]+$" }, "a"],
];

/** An order with a limit, and the names of the first rows. Ties are ordered by key. */
const WINDOWS: readonly (readonly [order_by: readonly unknown[], limit: number, names: string])[] =
  [
    [[{ column: "amount" }], 2, "ab"],
    [[{ column: "amount", direction: "asc" }], 3, "abc"],
    [[{ column: "amount", direction: "desc" }], 2, "de"],
    [[{ column: "amount", direction: "desc", nulls: "last" }], 2, "bd"],
    [[{ column: "amount", nulls: "first" }], 1, "e"],
    [[{ column: "amount" }], 5, "abcde"],
    // By code unit: digits come first, then capitals.
    [[{ column: "note" }], 2, "bd"],
  ];

export const QUERY_RULES: readonly Check[] = [
  check("P6", "where selects rows for which it is true, by SQL's logic", async (server) => {
    const rows = await ownRows(server);
    const queries = WHERES.map(([where]) => ({
      where: { and: [{ column: "kind", eq: rows.kind }, where] },
    }));
    const found = await select(server, rows, queries);
    const wrong = WHERES.flatMap(([where, names], index) =>
      found[index] === names
        ? []
        : [`${JSON.stringify(where)} takes "${found[index] ?? "?"}", not "${names}"`],
    );
    must(wrong.length === 0, `of rows a to e ${wrong.join("; ")}`);
  }),
  check(
    "P6",
    "order_by and limit select the first rows, with nulls and ties as in P6",
    async (server) => {
      const rows = await ownRows(server);
      const found = await select(
        server,
        rows,
        WINDOWS.map(([order_by, limit]) => ({
          where: { column: "kind", eq: rows.kind },
          order_by,
          limit,
        })),
      );
      const wrong = WINDOWS.flatMap(([order_by, limit, names], index) =>
        found[index] === names
          ? []
          : [
              `the first ${limit} by ${JSON.stringify(order_by)} are "${found[index] ?? "?"}", not "${names}"`,
            ],
      );
      must(wrong.length === 0, `of rows a to e ${wrong.join("; ")}`);
    },
  ),
  check("P6", "a window always has as many rows as its limit, and refills", async (server) => {
    const { steps, ids } = await scenarioOf(server);
    if (steps.length === 0) skip("the scenario got no view");
    const wrong = steps.flatMap(({ later }) =>
      later.filter((what) => what.startsWith('the view "window"')),
    );
    must(wrong.length === 0, `with limit ${WINDOW} ${wrong[0]} (${ids.window})`);
  }),
  check(
    "P6",
    "only the columns of the query are sent, with those of the key and order_by",
    async (server) => {
      const { channel, identified } = server;
      const rows = await ownRows(server);
      const where = { column: "kind", eq: rows.kind };
      const client = await identified([
        { channel, where, columns: ["note"] },
        { channel, where, columns: ["id"], order_by: [{ column: "amount" }], limit: 2 },
      ]);
      await client.turnEnd(rows.seq);
      for (const [index, names] of [
        [0, "id,note"],
        [1, "amount,id"],
      ] as const) {
        const { view, columns } = await client.receive({ type: "SUBSCRIBED", index });
        const sent = (await client.receive({ type: "SNAPSHOT", view }))["rows"] as readonly Row[];
        must(
          sent.length > 0 && sent.every((row) => Object.keys(row).sort().join() === names),
          `rows have ${names} and nothing else`,
          sent,
        );
        must(
          (columns as readonly { readonly name: string }[]).length > 0,
          "SUBSCRIBED names columns",
        );
      }
    },
  ),
  check(
    "P6",
    "a query has at most 256 terms, 12 levels, and 1,000 values in one `in`",
    async ({ identified, channel }) => {
      const client = await identified([channel]);
      const column = String(
        ((await client.receive({ type: "SUBSCRIBED" }))["key"] as readonly string[])[0],
      );
      const term = { column, is_null: false };
      const nested = (levels: number): unknown =>
        levels === 0 ? term : { not: nested(levels - 1) };
      const { whereNodesMax, whereDepthMax, inValuesMax } = PROTOCOL_LIMITS;
      const terms = (count: number): unknown => ({ or: Array.from({ length: count }, () => term) });
      const values = (count: number): unknown => ({
        column,
        in: Array.from({ length: count }, (_, index) => `${index}`),
      });
      const wheres = [terms(whereNodesMax), nested(whereDepthMax + 1), values(inValuesMax + 1)];
      for (const [index, where] of wheres.entries()) {
        client.send({ op: "SUBSCRIBE", id: index, subscriptions: [{ channel, where }] });
        must(
          (await client.receive({ op: "ERROR", id: index }))["code"] === "BAD_QUERY",
          "a larger query is BAD_QUERY",
          client.frames.at(-1),
        );
      }
      client.send({
        op: "SUBSCRIBE",
        id: 10,
        subscriptions: [
          { channel, where: terms(whereNodesMax - 1) },
          { channel, where: nested(whereDepthMax) },
        ],
      });
      for (const index of [0, 1]) await client.receive({ type: "SUBSCRIBED", id: 10, index });
    },
  ),
  unseen(
    "P6",
    "how bigint, numeric, timestamp, date, boolean and json compare",
    "the channel for tests has only text and numbers",
  ),
];

interface Rows {
  readonly kind: string;
  readonly seq: number;
  readonly rows: readonly OwnRow[];
}

async function ownRows(server: TestedServer): Promise<Rows> {
  const writer = await server.writer();
  const rows = [
    ["a", 1],
    ["b", 2],
    ["c", 2],
    ["d", 10],
    ["e", null],
  ].map(([name, amount]) =>
    writer.row(`q${name}`, "query", amount as number | null, NOTES[name as keyof typeof NOTES]),
  );
  const seq = await writer.write({ upsert: rows });
  return { kind: String(rows[0]?.kind), seq, rows };
}

/** For each query, the names of the rows in its snapshot. */
async function select(
  { identified, channel }: TestedServer,
  { seq, rows }: Rows,
  queries: readonly object[],
): Promise<readonly string[]> {
  const client = await identified();
  client.send({
    op: "SUBSCRIBE",
    id: 1,
    subscriptions: queries.map((query) => ({ channel, ...query })),
  });
  const views = await Promise.all(
    queries.map((_, index) =>
      client.find(
        (frame) => frame["id"] === 1 && frame["index"] === index,
        `an answer to ${JSON.stringify(queries[index])}`,
      ),
    ),
  );
  await client.turnEnd(seq, client.frames.indexOf(views.at(-1) ?? {}));
  return views.map(({ view, code }) => {
    if (code !== undefined) return String(code);
    const sent = client.frames
      .filter((frame) => frame["type"] === "SNAPSHOT" && frame["view"] === view)
      .flatMap((frame) => frame["rows"] as readonly Row[]);
    const names = sent.map(({ id }) =>
      rows.some((row) => row.id === id) ? String(id).slice(-1) : "?",
    );
    return names.sort().join("");
  });
}

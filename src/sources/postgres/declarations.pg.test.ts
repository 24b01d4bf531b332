/**
 * Tables with declared rows: a difference stops the start, and the error names the column, the
 * expected and the found type, and the remedy.
 */
import { readFileSync } from "node:fs";
import { PGlite } from "@electric-sql/pglite";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { tables as golden } from "../../../test/golden/tables.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
} from "../../../test/support/postgres-server.ts";
import { silent } from "../../../test/support/silent.ts";
import { createClient } from "../../client/node.ts";
import { createTidemark } from "../../server/tidemark.ts";
import { postgres, table, type PostgresReport, type TablesOption } from "./index.ts";

interface Item {
  readonly id: number;
  readonly note: string | null;
  readonly total: string;
  readonly state: "open" | "done";
}
const items = table<Item>({
  key: ["id"],
  columns: {
    id: { type: "integer" },
    note: { type: "text", isNullable: true },
    total: { type: "numeric" },
    state: { type: "text", labels: ["open", "done"] },
  },
});
const schema = z.object({
  id: z.number(),
  note: z.string().nullable(),
  total: z.string(),
  state: z.enum(["open", "done"]),
});

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

describe.runIf(hasPostgres(18))("declared tables", () => {
  let server: PostgresServer;
  let address: string;
  let count = 0;
  beforeAll(async () => {
    server = await startPostgres(18);
  });
  afterAll(() => server.remove());
  beforeEach(async () => {
    address = await server.createDatabase(`declared_${++count}`);
  });

  const sql = async (text: string): Promise<void> => {
    await withClient(address, (client) => client.query(text));
  };
  const create = (total = "numeric NOT NULL"): Promise<void> =>
    sql(
      `CREATE TYPE state AS ENUM ('open', 'done'); CREATE TABLE items (id int PRIMARY KEY, note text, total ${total}, state state NOT NULL, more int)`,
    );
  const serve = async (tables: TablesOption) => {
    let report: PostgresReport | undefined;
    const tidemark = createTidemark({
      sources: [postgres(address, { tables, onInstalled: (found) => (report = found) })],
      logger: silent,
    });
    stops.push(() => tidemark.stop());
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient({ url: `${url}/v2/stream` });
    stops.push(() => client.close());
    return { client, report: report as PostgresReport | undefined };
  };
  const refusal = (tables: TablesOption): Promise<string> =>
    serve(tables).then(
      () => expect.unreachable(),
      ({ code, message }: { code: string; message: string }) => {
        expect(code).toBe("TABLE_REFUSED");
        return message;
      },
    );

  it("are served when they match, also with further columns that are not declared", async () => {
    await create();
    await sql("INSERT INTO items VALUES (1, NULL, 1.50, 'open', 7)");
    const { client } = await serve({ items });
    const view = client.live({ channel: "items" });
    stops.push(view.subscribe(() => {}));
    await expect
      .poll(() => view.getSnapshot().rows)
      .toEqual([{ id: 1, note: null, total: "1.50", state: "open", more: 7 }]);
  });

  it("are served by the declarations that `tidemark types` prints for them", async () => {
    await sql(readFileSync(new URL("../../../test/golden/schema.sql", import.meta.url), "utf8"));
    const { report } = await serve(golden);
    expect(report?.tables).toEqual(Object.keys(golden));
  });

  it("stop the start with every column that differs, before anything is installed", async () => {
    await sql(
      "CREATE TYPE state AS ENUM ('open', 'done', 'lost'); CREATE TABLE items (id bigint PRIMARY KEY, total text, state state NOT NULL)",
    );
    expect(await refusal({ items })).toBe(
      `Table "items" is not as it is declared: column "id": expected integer, found bigint (bigint); column "note": expected text, found no column of that name; column "total": expected numeric, found text (text); column "state": expected the labels "open", "done", found "lost" besides. To print declarations as the tables are now: npx tidemark types --postgres … > tables.ts`,
    );
    await sql("DO $$ BEGIN ASSERT to_regnamespace('tidemark') IS NULL; END $$");
  });

  it("stop the start for an unexpected nullable column, and for another key", async () => {
    await create("numeric");
    expect(await refusal({ items })).toContain(
      'column "total": expected NOT NULL, found that it can be NULL',
    );
    await sql("ALTER TABLE items ALTER total SET NOT NULL");
    const other = table<Item>({ ...items, key: ["note"], columns: items.columns as never });
    expect(await refusal({ items: other })).toContain("its key: expected note, found id");
  });

  it("stop the start for an array of other elements, and for a text instead of an enum", async () => {
    await sql("CREATE TABLE lists (id int PRIMARY KEY, tags text[] NOT NULL, kind text NOT NULL)");
    const lists = table<{ id: number; tags: readonly number[]; kind: "a" }>({
      key: ["id"],
      columns: {
        id: { type: "integer" },
        tags: { type: "json", items: "integer" },
        kind: { type: "text", labels: ["a"] },
      },
    });
    const message = await refusal({ lists });
    expect(message).toContain('"tags": expected an array of integer, found an array of text');
    expect(message).toContain('"kind": expected an enum of "a", found text');
  });

  it("with a schema have their first rows checked, and the report has their number", async () => {
    await create();
    const { report } = await serve({ "public.items": schema });
    expect(report?.checked).toEqual([{ table: "items", rows: 0 }]);
    await sql("INSERT INTO items SELECT n, 'x', n, 'open' FROM generate_series(1, 150) n");
    expect((await serve({ items: schema })).report?.checked).toEqual([
      { table: "items", rows: 100 },
    ]);
  });

  it("with a schema stop the start when a row does not match", async () => {
    await create();
    await sql("INSERT INTO items VALUES (1, NULL, 1.50, 'open')");
    const wrong = schema.extend({ total: z.number() });
    expect(await refusal({ items: wrong })).toMatch(
      /^Table "items" is not as its schema says, in the row with the key 1: column "total": .*expected number, received string \(found numeric: numeric\)\./,
    );
  });

  it("with a schema warn of a column that can be NULL where the schema refuses it", async () => {
    await create();
    await sql("INSERT INTO items VALUES (1, 'x', 1.50, 'open', 1)");
    const { report } = await serve({ items: schema.extend({ note: z.string() }) });
    expect(report?.warnings).toContain(
      'Column "note" of "items" can be NULL, and its schema does not take null.',
    );
  });

  it("with a schema are served unchecked, with a warning, while they are locked", async () => {
    await create();
    await withClient(address, async (other) => {
      // The triggers are installed already, so that only the check waits.
      const before = createTidemark({ sources: [postgres(address)], logger: silent });
      await before.start();
      await before.stop();
      await other.query("BEGIN; LOCK TABLE items IN ACCESS EXCLUSIVE MODE");
      const { report } = await serve({ items: schema });
      await other.query("COMMIT");
      expect(report?.warnings.join()).toContain('No rows of "items" were checked by its schema');
      expect(report?.checked).toEqual([]);
    });
  });

  it("refuse an asynchronous schema, and a name that is not the channel's", async () => {
    await create();
    await sql("INSERT INTO items VALUES (1, NULL, 1.50, 'open'); CREATE SCHEMA shop");
    await sql("CREATE TABLE shop.orders (id int PRIMARY KEY)");
    const later = schema.refine(() => Promise.resolve(true));
    await expect(serve({ items: later })).rejects.toMatchObject({ code: "BAD_OPTION" });
    expect(await refusal({ orders: z.object({ id: z.number() }) })).toContain(
      'Table "orders" is the channel "shop.orders": declare it by that name.',
    );
  });

  it("are suspended when they no longer match, and resumed when they match again", async () => {
    await create();
    await sql("INSERT INTO items VALUES (1, NULL, 1.50, 'open')");
    const { client } = await serve({ items });
    const view = client.live({ channel: "items" });
    stops.push(view.subscribe(() => {}));
    await expect.poll(() => view.getSnapshot().status).toBe("live");
    await sql("ALTER TABLE items ALTER total DROP NOT NULL");
    await expect
      .poll(() => view.getSnapshot().reason)
      .toContain('column "total": expected NOT NULL, found that it can be NULL');
    await sql("ALTER TABLE items ALTER total SET NOT NULL");
    await expect.poll(() => view.getSnapshot().status, { timeout: 20_000 }).toBe("live");
  });
});

describe("declared tables of a PGlite", () => {
  it("are compared and checked like those of a server", async () => {
    const pglite = await PGlite.create();
    stops.push(() => pglite.close());
    await pglite.exec(
      "CREATE TYPE state AS ENUM ('open', 'done'); CREATE TABLE items (id int PRIMARY KEY, note text, total numeric NOT NULL, state state NOT NULL); INSERT INTO items VALUES (1, NULL, 1.50, 'open')",
    );
    const start = (tables: TablesOption): Promise<void> => {
      const tidemark = createTidemark({ sources: [postgres(pglite, { tables })], logger: silent });
      stops.push(() => tidemark.stop());
      return tidemark.start();
    };
    await expect(start({ items: schema.extend({ total: z.number() }) })).rejects.toThrow(
      "expected number, received string (found numeric: numeric)",
    );
    await expect(start({ items: { ...items, key: ["note"] } })).rejects.toThrow("its key");
    await start({ items: schema });
  });
});

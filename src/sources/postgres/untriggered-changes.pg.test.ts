/**
 * Changes of a table for which no trigger fires: once a channel is live and its `as_of` is after
 * the change's commit (by the database's clock), its rows equal SELECT. No client is ever live
 * with wrong rows after the change.
 */
import type { PGlite } from "@electric-sql/pglite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createPGlite } from "../../../test/support/pglite.ts";
import {
  hasPostgres,
  startPostgres,
  withClient,
  type PostgresServer,
  type PostgresVersion,
} from "../../../test/support/postgres-server.ts";
import { pause, PLAIN, serve, textOf, until } from "../../../test/support/served-database.ts";
import type { LiveView } from "../../client/node.ts";

interface Observation {
  /** For how long a page was live with wrong rows after the change. */
  readonly wrongMs: number;
  /** From the change's commit until the page was live with the right rows; undefined: never. */
  readonly rightAfterMs: number | undefined;
  readonly statuses: readonly string[];
}

/** Observes a view while a change is made; `query` reads rows and the database's clock. */
async function observe(
  view: LiveView,
  query: (text: string) => Promise<readonly object[]>,
  truth: string,
  change: () => Promise<unknown>,
  watchMs = 7_000,
): Promise<Observation> {
  await until(() => view.getSnapshot().status, "live");
  await pause(1_500);
  const before = textOf(await query(truth));
  await until(() => textOf(view.getSnapshot().rows), before);
  await change();
  const [clock] = await query(
    "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS now",
  );
  const committedMs = (clock as { now: number }).now;
  const want = textOf(await query(truth));
  const beganMs = performance.now();
  let wrongMs = 0;
  let lastMs = beganMs;
  let rightAt: number | undefined;
  const statuses = new Set<string>();
  while (performance.now() - beganMs < watchMs) {
    const { status, asOf, rows } = view.getSnapshot();
    const nowMs = performance.now();
    statuses.add(status);
    if (status === "live" && asOf !== undefined && asOf >= committedMs) {
      if (textOf(rows) !== want) {
        wrongMs += nowMs - lastMs;
        rightAt = undefined;
      } else rightAt ??= nowMs;
    }
    lastMs = nowMs;
    if (rightAt !== undefined && nowMs - rightAt > 400) break;
    await pause(5);
  }
  return {
    wrongMs: Math.round(wrongMs),
    rightAfterMs: rightAt === undefined ? undefined : Math.round(rightAt - beganMs),
    statuses: [...statuses],
  };
}

const PARTED = `CREATE TABLE p (id int PRIMARY KEY, v int) PARTITION BY RANGE (id);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (30) PARTITION BY RANGE (id);
  CREATE TABLE p2a PARTITION OF p2 FOR VALUES FROM (10) TO (20); CREATE TABLE p2b PARTITION OF p2 FOR VALUES FROM (20) TO (30);
  CREATE TABLE p3 (id int PRIMARY KEY, v int); INSERT INTO p3 SELECT n, 3 FROM generate_series(30, 35) n;
  INSERT INTO p SELECT n, 0 FROM generate_series(0, 29) n`;

interface Change {
  readonly name: string;
  readonly schema: string;
  readonly before?: readonly string[];
  readonly change: readonly string[];
  readonly truth?: string;
}

const RESTORE =
  "BEGIN; ALTER TABLE p DISABLE TRIGGER ALL; UPDATE p SET v = v + 1; ALTER TABLE p ENABLE TRIGGER ALL; COMMIT";
const CHANGES: readonly Change[] = [
  { name: "TRUNCATE of one partition", schema: PARTED, change: ["TRUNCATE p1"] },
  {
    name: "TRUNCATE of a sub-partition, and rows again, in one transaction",
    schema: PARTED,
    change: ["BEGIN; TRUNCATE p2a; INSERT INTO p VALUES (11, 99); COMMIT"],
  },
  { name: "DETACH PARTITION", schema: PARTED, change: ["ALTER TABLE p DETACH PARTITION p1"] },
  {
    name: "DETACH of a sub-partition",
    schema: PARTED,
    change: ["ALTER TABLE p2 DETACH PARTITION p2b"],
  },
  { name: "DROP of a partition", schema: PARTED, change: ["DROP TABLE p1"] },
  { name: "DROP of a parent of partitions", schema: PARTED, change: ["DROP TABLE p2"] },
  {
    name: "ATTACH PARTITION",
    schema: PARTED,
    change: ["ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (30) TO (40)"],
  },
  {
    name: "ATTACH beside a write, in one transaction",
    schema: PARTED,
    change: [
      "BEGIN; UPDATE p SET v = 5 WHERE id = 1; ALTER TABLE p ATTACH PARTITION p3 FOR VALUES FROM (30) TO (40); COMMIT",
    ],
  },
  {
    name: "DETACH, a write there, and ATTACH, in one transaction",
    schema: PARTED,
    change: [
      "BEGIN; ALTER TABLE p DETACH PARTITION p1; UPDATE p1 SET v = 7; ALTER TABLE p ATTACH PARTITION p1 FOR VALUES FROM (0) TO (10); COMMIT",
    ],
  },
  { name: "triggers off for a write, in one transaction", schema: PLAIN, change: [RESTORE] },
  {
    name: "triggers off for a write, a second time",
    schema: PLAIN,
    before: [RESTORE],
    change: [RESTORE],
  },
  {
    name: "a write of a replica after plain ENABLE TRIGGER",
    schema: PLAIN,
    before: [RESTORE],
    change: ["SET session_replication_role = replica; UPDATE p SET v = v + 1"],
  },
  {
    name: "triggers off on one partition for a write",
    schema: PARTED,
    change: [
      "BEGIN; ALTER TABLE p1 DISABLE TRIGGER ALL; UPDATE p1 SET v = 9; ALTER TABLE p1 ENABLE TRIGGER ALL; COMMIT",
    ],
  },
  {
    name: "a write of a replica after plain ENABLE TRIGGER on a partition",
    schema: PARTED,
    before: [
      "BEGIN; ALTER TABLE p1 DISABLE TRIGGER ALL; ALTER TABLE p1 ENABLE TRIGGER ALL; COMMIT",
    ],
    change: ["SET session_replication_role = replica; UPDATE p1 SET v = 9"],
  },
  {
    name: "ALTER COLUMN TYPE USING of the same type",
    schema: PLAIN,
    change: ["ALTER TABLE p ALTER v TYPE int USING v + 1"],
  },
  {
    name: "two tables that change names",
    schema: `${PLAIN}; CREATE TABLE q (id int PRIMARY KEY, v int); INSERT INTO q VALUES (1, 1)`,
    change: ["BEGIN; ALTER TABLE p RENAME TO o; ALTER TABLE q RENAME TO p; COMMIT"],
  },
  {
    name: "an enum's value renamed",
    schema:
      "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE p (id int PRIMARY KEY, m mood); INSERT INTO p VALUES (1, 'sad')",
    change: ["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'"],
  },
];

/**
 * Checks that no page is live with wrong rows after the change, and that each is live again,
 * unless the table is no longer the same.
 */
async function holds(
  address: string | PGlite,
  run: (text: string) => Promise<object[]>,
  { name, schema, before = [], change, truth = "SELECT * FROM p" }: Change,
): Promise<void> {
  await run(schema);
  const served = await serve(address, { tables: ["p"] });
  try {
    const view = served.view("p");
    for (const text of before) {
      await until(() => view.getSnapshot().status, "live");
      await run(text);
      const want = textOf(await run("SELECT * FROM p"));
      await until(() => textOf(view.getSnapshot().rows), want);
      // The reader finds the first of two changes with the next renewal.
      await pause(1_500);
    }
    const observed = await observe(view, run, truth, async () => {
      for (const text of change) await run(text);
    });
    expect(observed.wrongMs).toBe(0);
    if (!/change names/.test(name)) expect(observed.rightAfterMs).toBeDefined();
  } finally {
    await served.stop();
  }
}

describe.each([13, 18] as const)(
  "untriggered changes on Postgres %s",
  (version: PostgresVersion) => {
    let server: PostgresServer;
    let count = 0;
    beforeAll(async () => {
      if (hasPostgres(version)) server = await startPostgres(version);
    });
    afterAll(() => server?.remove());

    describe.concurrent("for which no trigger fires", () => {
      it.skipIf(!hasPostgres(version)).each(CHANGES)(
        "$name",
        async (change) => {
          const url = await server.createDatabase(`deed_${++count}`);
          await holds(
            url,
            (text) =>
              withClient(url, async (client) => (await client.query(text)).rows as object[]),
            change,
          );
        },
        60_000,
      );
    });
  },
);

/** The cases without a second session, which PGlite does not have. */
const ON_PGLITE = [
  "TRUNCATE of one partition",
  "ATTACH PARTITION",
  "triggers off for a write, in one transaction",
  "triggers off for a write, a second time",
];
describe("untriggered changes on PGlite", () => {
  it.each(CHANGES.filter(({ name }) => ON_PGLITE.includes(name)))(
    "$name",
    async (change) => {
      const pglite = await createPGlite();
      try {
        await holds(
          pglite,
          async (text) => (await pglite.exec(text)).at(-1)?.rows as object[],
          change,
        );
      } finally {
        await pglite.close();
      }
    },
    60_000,
  );
});

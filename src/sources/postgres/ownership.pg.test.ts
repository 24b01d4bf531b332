/**
 * Attacks on the server's role: the owner of a served table must not gain its rights. Most tables
 * belong to the role mallory. Tests about her types, casts and values list her in `trustedOwners`,
 * so that her tables are served.
 */
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  FROM_TEXT,
  GRANTS,
  TO_JSON,
  TO_TEXT,
  VERSIONS,
  attackedPostgres,
  isLive,
} from "../../../test/support/attacked-postgres.ts";
import { withClient } from "../../../test/support/postgres-server.ts";
import { pause } from "../../../test/support/served-database.ts";
import { mutation } from "../../index.ts";

describe.each(VERSIONS)(
  "the owner of a table does not become the server's role, on Postgres %s",
  (version) => {
    const { admin, database, during, gold, serve, sql } = attackedPostgres(version);

    it("a: capture of an enum key with a cast to json", async () => {
      await sql(
        `${TO_JSON} CREATE TABLE mal.t (k mal.mood PRIMARY KEY, v int); ${GRANTS}`,
        "mallory",
      );
      await during(() => sql("INSERT INTO mal.t VALUES ('sad', 1)", "mallory"), {
        refused: "somebody made a cast",
      });
      expect(await gold()).toEqual([]);
    });
    it("a: capture of a range key with a cast to json", async () => {
      await sql(
        `CREATE TYPE mal.r AS RANGE (subtype = mal.mood); CREATE FUNCTION mal.r_json(mal.r) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('range to json'); RETURN '"x"'; END $$;
      CREATE CAST (mal.r AS json) WITH FUNCTION mal.r_json(mal.r); CREATE TABLE mal.t (k mal.r PRIMARY KEY); ${GRANTS}`,
        "mallory",
      );
      await during(() => sql("INSERT INTO mal.t VALUES ('[sad,ok]')", "mallory"), {
        refused: "can't identify a row",
      });
      expect(await gold()).toEqual([]);
    });
    it("a: capture of a key whose type is named like a built-in one and is composite", async () => {
      await sql(
        `${TO_JSON} CREATE TYPE mal.uuid AS (m mal.mood); CREATE TABLE mal.t (k mal.uuid PRIMARY KEY); ${GRANTS}`,
        "mallory",
      );
      await during(() => sql("INSERT INTO mal.t VALUES (ROW('sad'))", "mallory"), {
        refused: "can't identify a row",
      });
      expect(await gold()).toEqual([]);
    });
    it("a: a key, and a column, that become another type while they are served", async () => {
      await sql(
        `${TO_JSON} CREATE TABLE mal.t (k text PRIMARY KEY, v text); ${GRANTS} INSERT INTO mal.t VALUES ('sad', 'sad')`,
        "mallory",
      );
      await during(() =>
        sql(
          "ALTER TABLE mal.t ALTER k TYPE mal.mood USING k::mal.mood; UPDATE mal.t SET v = 'ok'",
          "mallory",
        ),
      );
      expect(await gold()).toEqual([]);
    });
    it("b: a plain column that becomes an enum: row_to_json as the reader", async () => {
      await sql(
        `${TO_JSON} CREATE TABLE mal.t (id int PRIMARY KEY, v boolean); ${GRANTS} INSERT INTO mal.t VALUES (1, true)`,
        "mallory",
      );
      await during(() =>
        sql(
          "BEGIN; UPDATE mal.t SET v = false; ALTER TABLE mal.t ALTER v TYPE mal.mood USING 'sad'; COMMIT",
          "mallory",
        ),
      );
      expect(await gold()).toEqual([]);
    });
    it("b: an array of enums, cast to text[]", async () => {
      await sql(
        `${TO_TEXT} CREATE TABLE mal.t (id int PRIMARY KEY, a mal.mood[]); ${GRANTS} INSERT INTO mal.t VALUES (1, '{sad}')`,
        "mallory",
      );
      await during(() => undefined);
      expect(await gold()).toEqual([]);
    });
    it("b: an array whose elements are named like a plain type", async () => {
      await sql(
        `CREATE TYPE mal.int4 AS ENUM ('a'); CREATE FUNCTION mal.j(mal.int4) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('int4 to json'); RETURN '1'; END $$;
      CREATE CAST (mal.int4 AS json) WITH FUNCTION mal.j(mal.int4); CREATE TABLE mal.t (id int PRIMARY KEY, a mal.int4[]); ${GRANTS} INSERT INTO mal.t VALUES (1, '{a}')`,
        "mallory",
      );
      await during(() => undefined);
      expect(await gold()).toEqual([]);
    });
    it("b: an enum key is looked up through a cast from text", async () => {
      await sql(
        `${FROM_TEXT} CREATE TABLE mal.t (k mal.mood PRIMARY KEY, v int); ${GRANTS}`,
        "mallory",
      );
      await during(() => sql("INSERT INTO mal.t VALUES ('sad', 1)", "mallory"), {
        refused: "somebody made a cast",
      });
      expect(await gold()).toEqual([]);
    });
    it("b: a key of a domain over a domain runs its check", async () => {
      await sql(
        `CREATE FUNCTION mal.checks(pg_catalog.text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('domain check'); RETURN true; END $$;
      CREATE DOMAIN mal.text AS pg_catalog.text CHECK (mal.checks(VALUE)); CREATE DOMAIN mal.d AS mal.text; CREATE TABLE mal.t (k mal.d PRIMARY KEY, v int); ${GRANTS}`,
        "mallory",
      );
      await during(() => sql("INSERT INTO mal.t VALUES ('x', 1)", "mallory"));
      expect(await gold()).toEqual([]);
    });
    it.each([
      [
        "an index's expression",
        "CREATE TABLE mal.t (id int PRIMARY KEY, v int); CREATE INDEX ON mal.t ((v + mal.vol('index expression')))",
      ],
      [
        "an index's predicate",
        "CREATE TABLE mal.t (id int PRIMARY KEY, v int); CREATE INDEX ON mal.t (v) WHERE v > mal.vol('index predicate')",
      ],
      // On expressions since 14.
      ...(version < 14
        ? []
        : [
            [
              "extended statistics",
              "CREATE TABLE mal.t (id int PRIMARY KEY, v int); CREATE STATISTICS mal.st ON (v + mal.vol('extended statistics')), id FROM mal.t",
            ],
          ]),
    ])("b: a read whose planning would run %s", async (_kind, table) => {
      await sql(`${table}; ${GRANTS} INSERT INTO mal.t VALUES (1, 1); `, "mallory");
      await during(() => sql("UPDATE mal.t SET v = 2", "mallory"), {
        trustedOwners: [],
        refused: "it belongs to role mallory",
      });
      expect(await gold()).toEqual([]);
    });
    it("b: a view takes the table's name while it is served", async () => {
      await sql(
        `CREATE TABLE mal.t (id int PRIMARY KEY, v int); ${GRANTS} INSERT INTO mal.t VALUES (1, 1)`,
        "mallory",
      );
      await during(() =>
        sql(
          `BEGIN; UPDATE mal.t SET v = 2; ALTER TABLE mal.t RENAME TO old; CREATE FUNCTION mal.seen(int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('view'); RETURN $1; END $$;
      CREATE VIEW mal.t AS SELECT id, mal.seen(v) AS v FROM mal.old; GRANT SELECT ON mal.t TO srv; COMMIT`,
          "mallory",
        ),
      );
      expect(await gold()).toEqual([]);
    });
    it("b: a policy's function, enabled while the table is served", async () => {
      await sql(
        `CREATE TABLE mal.t (id int PRIMARY KEY, v int); ${GRANTS} INSERT INTO mal.t VALUES (1, 1);
      CREATE FUNCTION mal.policy() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('policy'); RETURN true; END $$`,
        "mallory",
      );
      await during(() =>
        sql(
          "ALTER TABLE mal.t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mal.t USING (mal.policy()); UPDATE mal.t SET v = 2",
          "mallory",
        ),
      );
      expect(await gold()).toEqual([]);
    });

    describe("c: the guard of a mutation", () => {
      const mutations = {
        set: mutation({
          input: z.object({ key: z.string() }),
          row: ({ key }) => ({ channel: "items", key }),
          handler: () => undefined,
        }),
      };
      async function guarded(key: string, run: () => Promise<unknown>): Promise<void> {
        await run();
        const { client, view } = await serve({ tables: ["public.items"] }, mutations);
        await isLive(view("items"));
        const seen = client.cursor?.seq ?? 0;
        const mutate = client.mutate as unknown as {
          set(input: unknown, options: unknown): Promise<unknown>;
        };
        // Another transaction, which the reader has not read yet, has written another row.
        await withClient(admin(), async (other) => {
          await other.query(
            `BEGIN; SELECT FROM public.items WHERE v = 2 FOR UPDATE; UPDATE public.items SET v = 4 WHERE v = 3`,
          );
          const mutated = mutate.set({ key }, { expectedSeq: seen }).then(
            () => "done",
            (error: { code?: string }) => error.code,
          );
          await pause(300);
          await other.query("COMMIT");
          await mutated;
        });
      }
      const items = (type: string, value: string, other: string): Promise<unknown> =>
        sql(
          `CREATE TABLE public.items (k ${type} PRIMARY KEY, v int); INSERT INTO public.items VALUES ('${value}', 2), ('${other}', 3); GRANT SELECT, UPDATE, TRIGGER ON public.items TO srv`,
        );
      const operator = (type: string): Promise<unknown> =>
        sql(
          `CREATE FUNCTION public.eq(${type}, ${type}) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('operator'); RETURN true; END $$;
        CREATE OPERATOR public.= (LEFTARG = ${type}, RIGHTARG = ${type}, FUNCTION = public.eq)`,
          "mallory",
        );

      it("does not use a stranger's operator: enum", async () => {
        await items("mal.mood", "sad", "ok");
        await guarded("sad", () => operator("mal.mood"));
        expect(await gold()).toEqual([]);
      });
      it("does not use a stranger's operator on other roles' tables and types: varchar", async () => {
        await items("varchar", "a", "b");
        await guarded("a", () => operator("varchar"));
        expect(await gold()).toEqual([]);
      });
      it("does not call a stranger's function that is named like a built-in one", async () => {
        await items("int", "1", "2");
        await guarded("1", () =>
          sql(
            "CREATE FUNCTION public.jsonb_build_array(int) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('jsonb_build_array'); RETURN '[]'; END $$",
            "mallory",
          ),
        );
        expect(await gold()).toEqual([]);
      });
    });

    it.each(["1", "2"])(
      "d: a schema tidemark that someone else made, with the comment of version %s",
      async (made) => {
        await sql(
          `GRANT CREATE ON DATABASE ${database()} TO mallory; CREATE TABLE public.items (id int PRIMARY KEY); GRANT SELECT, TRIGGER ON public.items TO srv`,
        );
        await sql(
          `CREATE SCHEMA tidemark; COMMENT ON SCHEMA tidemark IS 'Tidemark change capture, version ${made}. Remove with: tidemark uninstall'; GRANT ALL ON SCHEMA tidemark TO PUBLIC;
      CREATE TABLE tidemark.outbox (xid xid8 NOT NULL, tab bigint NOT NULL, key jsonb, delta smallint NOT NULL); CREATE SEQUENCE tidemark.lease MINVALUE 0;
      CREATE TABLE tidemark.alive (id text PRIMARY KEY); CREATE TABLE tidemark.reader (id text PRIMARY KEY, position pg_snapshot, lease_until timestamptz NOT NULL);
      CREATE FUNCTION mal.trap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM mal.hit('squatted schema'); RETURN NEW; END $$;
      CREATE TRIGGER trap BEFORE INSERT ON tidemark.reader FOR EACH ROW EXECUTE FUNCTION mal.trap();
      GRANT ALL ON ALL TABLES IN SCHEMA tidemark TO PUBLIC; GRANT ALL ON ALL SEQUENCES IN SCHEMA tidemark TO PUBLIC`,
          "mallory",
        );
        // A superuser may repair even a former version's schema; another role is refused before
        // that.
        await expect(serve({}, undefined, made === "1" ? "postgres" : "srv")).rejects.toMatchObject(
          { code: "MISSING_GRANT" },
        );
        expect(await gold()).toEqual([]);
      },
    );
  },
);

/**
 * What is no database is refused at once, in words; types hold for whichever drivers are installed.
 */
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { describe, expect, expectTypeOf, it } from "vitest";
import { postgres, type DatabaseAddress, type PgConfig } from "./index.ts";

describe("a database's address", () => {
  it("must be there", () => {
    // @ts-expect-error undefined is no address
    expect(() => postgres(undefined)).toThrow(
      "It was given undefined: is an environment variable not set?",
    );
    // @ts-expect-error an environment variable may be undefined
    void (() => postgres(process.env["DATABASE_URL"]));
    expect(() => postgres("")).toThrow("an empty text: is an environment variable empty?");
  });

  it("is no single connection, and no list", () => {
    expect(() => postgres(new pg.Client({ host: "localhost" }))).toThrow(
      "a Client, which is one connection: pass its configuration",
    );
    expect(() => postgres([] as never)).toThrow("It was given a Array.");
  });

  it("may be what the drivers' types say", () => {
    expectTypeOf<pg.PoolConfig>().toExtend<PgConfig>();
    expectTypeOf<keyof pg.PoolConfig>().toExtend<keyof PgConfig>();
    expectTypeOf<pg.Pool>().toExtend<DatabaseAddress>();
    expectTypeOf<PGlite>().toExtend<DatabaseAddress>();
    expectTypeOf<undefined>().not.toExtend<DatabaseAddress>();
    expect(() => postgres({ host: "localhost", max: 3 })).not.toThrow();
  });
});

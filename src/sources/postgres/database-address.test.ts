/**
 * A wrong address is refused at once with a clear error; the types hold whichever drivers are
 * installed.
 */
import { createServer, type AddressInfo, type Socket } from "node:net";
import { PGlite } from "@electric-sql/pglite";
import pg from "pg";
import { describe, expect, expectTypeOf, it, vi } from "vitest";
import { databaseOf } from "./database-address.ts";
import { postgres, type DatabaseAddress, type PgConfig } from "./index.ts";

describe("a database's address", () => {
  it("must not be undefined or empty", () => {
    // @ts-expect-error undefined is no address
    expect(() => postgres(undefined)).toThrow(
      "It was given undefined: is an environment variable not set?",
    );
    // @ts-expect-error an environment variable may be undefined
    void (() => postgres(process.env["DATABASE_URL"]));
    expect(() => postgres("")).toThrow("an empty text: is an environment variable empty?");
  });

  it("must not be an object that only looks like a configuration", () => {
    // Each would connect to localhost as the operating system's user.
    for (const [given, name] of [
      [Promise.resolve({ host: "db" }), "a Promise: is an await missing?"],
      [new URL("postgres://me@db/shop"), "a URL: pass its text, String(url)"],
      [() => ({ host: "db" }), "a function"],
      [new Map([["host", "db"]]), "a Map"],
    ] as const)
      expect(() => postgres(given as never)).toThrow(`It was given ${name}.`);
  });

  it("must not be a single connection or a list", () => {
    expect(() => postgres(new pg.Client({ host: "localhost" }))).toThrow(
      "a Client, which is one connection: pass its configuration",
    );
    expect(() => postgres([] as never)).toThrow("It was given a Array.");
  });

  it("accepts the drivers' own types", () => {
    expectTypeOf<pg.PoolConfig>().toExtend<PgConfig>();
    expectTypeOf<keyof pg.PoolConfig>().toExtend<keyof PgConfig>();
    expectTypeOf<pg.Pool>().toExtend<DatabaseAddress>();
    expectTypeOf<PGlite>().toExtend<DatabaseAddress>();
    expectTypeOf<undefined>().not.toExtend<DatabaseAddress>();
    expect(() => postgres({ host: "localhost", max: 3 })).not.toThrow();
  });
});

describe("declarations of tables", () => {
  it("are schemas, or made by table()", () => {
    const old = { _def: {}, parse: () => ({}) };
    for (const given of [old, undefined, null, true, {}, { key: "id", columns: {} }])
      expect(() => postgres("postgres://db", { tables: { orders: given } as never })).toThrow(
        'tables declares "orders" by a value that is neither a schema',
      );
    const asFunction = Object.assign(() => {}, { "~standard": {} });
    expect(() =>
      postgres("postgres://db", { tables: { orders: asFunction } as never }),
    ).not.toThrow();
  });
});

describe("a password function that throws", () => {
  it("leaves no connection open, of the reader or of mutations, for Postgres to wait on", async () => {
    const open = new Set<Socket>();
    const asking = createServer((socket) => {
      open.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => open.delete(socket));
      // AuthenticationCleartextPassword.
      socket.once("data", () => socket.write(Buffer.from([82, 0, 0, 0, 8, 0, 0, 0, 3])));
    });
    await new Promise<void>((resolve) => asking.listen(0, "127.0.0.1", resolve));
    const { port } = asking.address() as AddressInfo;
    const password = (): Promise<string> => Promise.reject(new Error("no token"));
    const database = databaseOf({ host: "127.0.0.1", port, user: "me", password });
    const writes = database.openWrites();
    try {
      await expect(database.connect()).rejects.toThrow("no token");
      await expect(writes.transaction(async () => {})).rejects.toMatchObject({
        code: "SOURCE_DOWN",
      });
      await vi.waitFor(() => expect(open.size).toBe(0));
    } finally {
      for (const socket of open) socket.destroy();
      asking.close();
      await writes.close();
    }
  });
});

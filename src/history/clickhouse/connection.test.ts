import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ManualClock } from "../../std/manual-clock.ts";
import { ClickHouseConnection } from "./connection.ts";
import { clickhouseLimits } from "./limits.ts";

let server: Server;
let asked = 0;
beforeEach(async () => {
  asked = 0;
  server = createServer((request) => {
    asked++;
    request.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function connect(clock: ManualClock): Promise<ClickHouseConnection> {
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;
  return ClickHouseConnection.open({ url, limits: clickhouseLimits(), clock });
}

describe("a connection to a ClickHouse server that does not answer", () => {
  it("gives up each request when the server's own limit has passed", async () => {
    const clock = new ManualClock();
    const connection = await connect(clock);
    const insert = connection.insert("t", ["a"], ["[1]\n"], "");
    const query = connection.rows("SELECT 1");
    const settled: string[] = [];
    for (const [name, request] of Object.entries({ insert, query }))
      request.catch(() => settled.push(name));
    await expect.poll(() => asked).toBe(2);
    clock.advance(15_000);
    await expect(query).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
    expect(settled).toEqual(["query"]);
    clock.advance(20_000);
    await expect(insert).rejects.toMatchObject({ code: "HISTORY_UNAVAILABLE" });
    expect(clock.pending).toBe(0);
    await connection.close();
  });

  it("ends all requests when it is told to, and refuses more", async () => {
    const connection = await connect(new ManualClock());
    const change = connection.run("OPTIMIZE TABLE t");
    const stream = connection.stream("SELECT 1").next();
    const requests = Promise.allSettled([change, stream]);
    await expect.poll(() => asked).toBe(2);
    connection.abort();
    const failed = { status: "rejected", reason: { code: "HISTORY_UNAVAILABLE" } };
    expect(await requests).toMatchObject([failed, failed]);
    await expect(connection.run("SELECT 1")).rejects.toMatchObject({ code: failed.reason.code });
    await connection.close();
  });
});

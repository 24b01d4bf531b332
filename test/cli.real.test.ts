/** The command line against a real server: conformance, doctor, tail, types. */
import { afterEach, describe, expect, it } from "vitest";
import { channel, createTidemark } from "../src/index.ts";
import { postgres } from "../src/sources/postgres/index.ts";
import { cli } from "./support/cli.ts";
import { startPostgres, withClient } from "./support/postgres-server.ts";
import { silent } from "./support/silent.ts";
import { atEnd, startTrades, stopAll, trade } from "./support/trades-server.ts";

afterEach(stopAll);

describe("tidemark conformance", () => {
  it("passes against this server, and names the rules that another server breaks", async () => {
    const { tidemark, stream } = await startTrades();
    await tidemark.channel("trades").upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    // A server whose channel nobody may see fails the checks that need a channel.
    const closed = createTidemark({
      channels: { secret: channel({ key: "id", policy: () => "none" }) },
      logger: silent,
    });
    const { url } = await closed.listen({ port: 0 });
    atEnd(() => closed.stop());
    const [whole, broken] = await Promise.all([
      cli("conformance", stream, "--channel", "trades").ended,
      cli("conformance", url, "--channel", "secret", "--timeout", "400").ended,
    ]);
    expect(whole.output).toMatch(/\d+ checks passed, 0 failed, \d+ could not be made\./);
    expect(whole.code).toBe(0);
    expect(broken.output).toMatch(/FAIL P5/);
    expect(broken.output).toMatch(/ok   P3/);
    expect(broken.code).toBe(1);
  });
});

describe("tidemark tail", () => {
  it("prints a line for each row that enters, changes or leaves, when the output is no terminal", async () => {
    const { tidemark, url } = await startTrades();
    const trades = tidemark.channel("trades");
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const { output } = cli("tail", url, "trades", "--where", '{"column":"symbol","eq":"BTC"}');
    await expect
      .poll(output, { timeout: 10_000 })
      .toContain('+ {"id":"a","symbol":"BTC","price":1}');
    await trades.upsert(trade("a", "BTC", 5));
    await expect.poll(output).toContain('~ {"id":"a","symbol":"BTC","price":5}');
    await trades.upsert(trade("a", "ETH", 5));
    await expect.poll(output).toContain('- "a"');
    expect(output()).not.toContain('"b"');
  });

  it("explains errors in words", async () => {
    const { url } = await startTrades();
    const { code, output } = await cli("tail", url, "nothing").ended;
    expect([code, output]).toEqual([2, expect.stringContaining("[UNKNOWN_CHANNEL]")]);
  });
});

describe("tidemark types", () => {
  it(
    "prints a file of the tables, and apart from it what can't be live",
    {
      timeout: 120_000,
    },
    async () => {
      const server = await startPostgres();
      atEnd(() => server.remove());
      await server.sql(
        "CREATE SCHEMA shop; CREATE TABLE shop.orders (id bigint PRIMARY KEY, note text); CREATE TABLE shop.log (line text); CREATE TABLE other (id int PRIMARY KEY)",
      );
      const { code, output } = await cli("types", "--postgres", server.url, "--schema", "shop")
        .ended;
      expect(output).toContain(
        '//   npx tidemark types --postgres "$DATABASE_URL" --schema shop > tables.ts',
      );
      expect(output).toContain("  readonly note: string | null;");
      expect(output).toContain("Not live, so not in the file: shop.log: it has no primary key");
      expect(output).not.toContain("other");
      expect(code).toBe(0);
    },
  );
});

describe("tidemark doctor", () => {
  it(
    "passes all checks on a complete deployment, and follows one change through it",
    { timeout: 120_000 },
    async () => {
      const server = await startPostgres();
      atEnd(() => server.remove());
      const address = await server.createDatabase("doctor");
      await withClient(address, (client) =>
        client.query(
          "CREATE TABLE probe (id int PRIMARY KEY, at timestamptz); INSERT INTO probe VALUES (1, now())",
        ),
      );
      const tidemark = createTidemark({
        sources: [postgres(address)],
        catalog: true,
        logger: silent,
      });
      atEnd(() => tidemark.stop());
      const { url } = await tidemark.listen({ port: 0 });
      const { code, output } = await cli(
        "doctor",
        url,
        "--origin",
        "http://localhost:5173",
        "--postgres",
        address,
        "--change",
        "UPDATE probe SET at = clock_timestamp() WHERE id = 1",
        "--channel",
        "probe",
      ).ended;
      expect(output).toMatch(/ok {3}origin {7}pages from http:\/\/localhost:5173 may connect/);
      // The server's own catalogue is no table of the application.
      expect(output).toMatch(/ok {3}freshness {4}1 channel live/);
      expect(output).toMatch(/ok {3}triggers {5}on 1 table: public\.probe/);
      expect(output).toMatch(
        /ok {3}one change {3}transaction [\d.]+ ms, seq \d+ after [\d.]+ ms, frame after [\d.]+ ms, client commit after [\d.]+ ms/,
      );
      expect(output).toContain("All checks passed.");
      expect(code).toBe(0);
    },
  );

  it(
    "says in words what is wrong with a server, an origin, an address and a database",
    { timeout: 120_000 },
    async () => {
      const server = await startPostgres();
      atEnd(() => server.remove());
      const { url } = await startTrades();
      const nowhere = "http://127.0.0.1:1";
      const address = await server.createDatabase("empty");
      const [dead, unread, noDatabase, noPostgres] = await Promise.all([
        cli("doctor", nowhere, "--postgres", address).ended,
        cli("doctor", url, "--origin", "https://app.example.com").ended,
        cli("doctor", nowhere, "--postgres", address.replace(/empty$/, "absent")).ended,
        cli("doctor", nowhere, "--postgres", "postgres://me@127.0.0.1:1/shop").ended,
      ]);
      expect(dead.output).toMatch(
        /BAD {2}server {7}no response from http:\/\/127\.0\.0\.1:1\/v2: is the server running/,
      );
      expect(dead.output).toMatch(/BAD {2}schema/);
      expect(unread.output).toMatch(
        /BAD {2}origin {7}HTTP 403: Pages from https:\/\/app\.example\.com may not connect\. Allow them with allowedOrigins/,
      );
      expect(noDatabase.output).toMatch(
        /BAD {2}database {5}Can't connect to \S+\/absent: database "absent" does not exist\. Correct the name/,
      );
      expect(noPostgres.output).toMatch(
        /BAD {2}database {5}Can't connect to 127\.0\.0\.1:1\/shop: connect ECONNREFUSED 127\.0\.0\.1:1\. Nothing listens there/,
      );
      expect([dead, unread, noDatabase, noPostgres].map(({ code }) => code)).toEqual([1, 1, 1, 1]);
    },
  );
});

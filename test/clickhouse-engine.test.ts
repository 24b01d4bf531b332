/** What the tests rely on of ClickHouse's engine and the HTTP interface before it. */
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from "@clickhouse/client";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  hasClickHouse,
  startClickHouse,
  type ClickHouseServer,
} from "./support/clickhouse-server.ts";

describe.skipIf(!hasClickHouse())("ClickHouse's engine behind HTTP", () => {
  let server: ClickHouseServer;
  let client: ClickHouseClient;
  const read = async (query: string, params: Record<string, unknown> = {}): Promise<unknown> =>
    (await client.query({ query, query_params: params, format: "JSONCompactEachRow" })).json();

  beforeAll(async () => {
    server = await startClickHouse();
    client = createClient({ url: server.url, log: { level: ClickHouseLogLevel.OFF } });
  });
  afterAll(async () => {
    await client.close();
    await server.remove();
  });

  it("answers pings, and binds parameters", async () => {
    expect(await client.ping()).toEqual({ success: true });
    const text = "a'b\\c\td\ne\0ü😀";
    expect(
      await read("SELECT {text:String}, {none:Nullable(String)}", { text, none: null }),
    ).toEqual([[text, null]]);
  });

  it("keeps settings for one query only, and reports errors with their code", async () => {
    const value = "SELECT getSetting('max_block_size')";
    const result = await client.query({
      query: value,
      format: "JSONCompactEachRow",
      clickhouse_settings: { max_block_size: "77" },
    });
    expect(await result.json()).toEqual([[77]]);
    expect(await read(value)).not.toEqual([[77]]);
    await expect(read("SELECT missing")).rejects.toMatchObject({ code: "47" });
  });

  it("ends a query whose client has gone", async () => {
    const control = new AbortController();
    const query = client.query({
      query: "SELECT max(sipHash64(number)) FROM numbers(1000000000000)",
      abort_signal: control.signal,
      clickhouse_settings: { cancel_http_readonly_queries_on_client_close: 1 },
    });
    const running = (): Promise<unknown> =>
      read("SELECT toUInt32(count()) FROM system.processes WHERE startsWith(query, 'SELECT max')");
    await expect.poll(running).toEqual([[1]]);
    control.abort();
    await expect(query).rejects.toThrow("aborted");
    await expect.poll(running).toEqual([[0]]);
  });

  it("keeps what it has acknowledged when it is killed, and knows a repeated insert", async () => {
    await client.command({
      query: `CREATE TABLE kept (a UInt32) ENGINE = MergeTree ORDER BY a
        SETTINGS non_replicated_deduplication_window = 100`,
    });
    const insert = (): Promise<unknown> =>
      client.insert({
        table: "kept",
        values: [[1], [2]],
        format: "JSONCompactEachRow",
        clickhouse_settings: { insert_deduplication_token: "first" },
      });
    await insert();
    await server.kill();
    await server.start();
    await insert();
    expect(await read("SELECT a FROM kept ORDER BY a")).toEqual([[1], [2]]);
  });
});

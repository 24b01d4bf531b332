/** The `table_rows` dialect in literal messages: filters, windows, rights, removes, both carriers. */
import { afterEach, describe, expect, it } from "vitest";
import { channel, tableRows, type TidemarkOptions } from "../src/index.ts";
import { PlainSocket } from "./support/plain-socket.ts";
import { atEnd, startTrades, stopAll, trade } from "./support/trades-server.ts";

afterEach(stopAll);

const dialects = [
  tableRows({ path: "/ws/tables" }),
  tableRows({ path: "/sse/tables", carrier: "sse" }),
];
const cells = channel<{ x: number; y: number; note?: string | null }>({
  key: ["x", "y"],
  columns: { x: "integer", y: "integer", note: "text" },
});

async function start(options: Partial<TidemarkOptions> = {}) {
  const server = await startTrades({ dialects, channels: { cells }, ...options });
  const open = async (address = "", ...messages: readonly unknown[]): Promise<PlainSocket> => {
    const client = new PlainSocket(`${server.url.replace("http", "ws")}/ws/tables${address}`);
    await new Promise((resolve) => client.socket.once("open", resolve));
    for (const message of messages) client.socket.send(JSON.stringify(message));
    return client;
  };
  return { ...server, open, trades: server.tidemark.channel("trades") };
}

/** The messages about rows. */
const rowsIn = ({ messages }: PlainSocket): readonly unknown[] =>
  messages.filter((message) => (message as { type: string }).type === "table_rows");

describe("table_rows", () => {
  it("says what is subscribed, its rows, its status, changes, and the keys that left", async () => {
    const { trades, open } = await start();
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2.5)]);
    const client = await open("", { type: "subscribe", id: 7, table: "trades" });
    await expect
      .poll(() => client.messages)
      .toEqual([
        { type: "subscribed", id: 7, table: "trades", key: ["id"] },
        { type: "table_status", table: "trades", status: "live" },
        {
          type: "table_rows",
          table: "trades",
          reset: true,
          columns: ["id", "symbol", "price"],
          rows: [
            ["a", "BTC", 1],
            ["b", "ETH", 2.5],
          ],
        },
      ]);
    await trades.upsert({ ...trade("c", "SOL", 3), extra: [1] } as never);
    await expect
      .poll(() => rowsIn(client).at(-1))
      .toEqual({
        type: "table_rows",
        table: "trades",
        columns: ["id", "symbol", "price", "extra"],
        rows: [["c", "SOL", 3, [1]]],
      });
    await trades.remove(["a", "c"]);
    await expect
      .poll(() => rowsIn(client).at(-1))
      .toEqual({
        type: "table_rows",
        table: "trades",
        columns: ["id", "symbol", "price"],
        rows: [],
        removes: [["a"], ["c"]],
      });
    client.socket.send(JSON.stringify({ type: "unsubscribe", table: "trades" }));
    client.socket.send(JSON.stringify({ type: "subscribe", table: "nothing", id: 8 }));
    await expect
      .poll(() => client.messages.at(-1))
      .toMatchObject({
        type: "error",
        code: "UNKNOWN_CHANNEL",
        id: 8,
      });
    const before = client.messages.length;
    await trades.upsert(trade("d", "BTC", 4));
    client.socket.send(JSON.stringify({ type: "subscribe", table: "nothing", id: 9 }));
    await expect.poll(() => client.messages.at(-1)).toMatchObject({ id: 9 });
    expect(client.messages.length).toBe(before + 1);
  });

  it("filters exactly: a row that no longer matches is removed, and a window refills", async () => {
    const { trades, open } = await start();
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2), trade("c", "SOL", 3)]);
    const filtered = await open("", {
      type: "subscribe",
      table: "trades",
      filters: { symbol: ["BTC", "ETH"] },
      where: { column: "price", gt: 1 },
    });
    const address = new URLSearchParams({
      table: "trades",
      order_by: '[{"column":"price","direction":"desc"}]',
      limit: "2",
      columns: "price",
    });
    const window = await open(`?${address}`);
    const head = { type: "table_rows", table: "trades", view: expect.any(String) };
    const all = { ...head, columns: ["id", "symbol", "price"] };
    const top = { ...head, columns: ["id", "price"] };
    await expect
      .poll(() => rowsIn(filtered))
      .toEqual([{ ...all, reset: true, rows: [["b", "ETH", 2]] }]);
    await expect
      .poll(() => rowsIn(window))
      .toEqual([
        {
          ...top,
          reset: true,
          rows: expect.arrayContaining([
            ["b", 2],
            ["c", 3],
          ]),
        },
      ]);
    await trades.upsert([trade("b", "SOL", 2), trade("a", "BTC", 9)]);
    await expect
      .poll(() => rowsIn(filtered).slice(1))
      .toEqual([{ ...all, rows: [["a", "BTC", 9]], removes: [["b"]] }]);
    await expect
      .poll(() => rowsIn(window).slice(1))
      .toEqual([{ ...top, rows: [["a", 9]], removes: [["b"]] }]);
  });

  it("gives the values of a key their types, also of several columns", async () => {
    const { tidemark, open } = await start();
    const table = tidemark.channel("cells" as never) as unknown as {
      upsert(rows: object[]): Promise<number>;
      remove(keys: string[]): Promise<number>;
    };
    await table.upsert([
      { x: 1, y: 2, note: null },
      { x: 3, y: -4 },
    ]);
    const client = await open("?table=cells");
    await expect
      .poll(() => rowsIn(client))
      .toEqual([
        {
          type: "table_rows",
          table: "cells",
          reset: true,
          columns: ["x", "y", "note"],
          rows: [
            [1, 2, null],
            [3, -4, null],
          ],
        },
      ]);
    await table.remove(['["3","-4"]']);
    await expect.poll(() => rowsIn(client).at(-1)).toMatchObject({ rows: [], removes: [[3, -4]] });
  });

  it("keeps to the caller's rights", async () => {
    const { trades, open } = await start({
      dialects: [
        tableRows({
          path: "/ws/tables",
          auth: ({ url }) => new URL(url, "http://server").searchParams.get("who"),
        }),
      ],
      authenticate: (_request, auth) => auth as string,
      policies: { trades: (who) => ({ column: "symbol", eq: String(who) }) },
    });
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const eth = await open("?who=ETH&table=trades");
    await expect.poll(() => rowsIn(eth)).toMatchObject([{ rows: [["b", "ETH", 2]] }]);
    await trades.upsert([trade("b", "BTC", 2), trade("c", "BTC", 3)]);
    await expect.poll(() => rowsIn(eth).at(-1)).toMatchObject({ rows: [], removes: [["b"]] });
    expect(JSON.stringify(eth.messages)).not.toContain('"c"');
  });

  it("sends the same over server-sent events, several subscriptions in one stream", async () => {
    const { trades, url } = await start();
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    const address = new URLSearchParams({ table: "trades", filters: '{"symbol":"ETH"}' });
    address.append("subscribe", '{"table":"cells"}');
    const response = await fetch(`${url}/sse/tables?${address}`);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    atEnd(() => reader.cancel());
    const decoder = new TextDecoder();
    let text = "";
    const until = async (end: string): Promise<void> => {
      while (!text.includes(end)) text += decoder.decode((await reader.read()).value);
    };
    await until('"rows":[["b","ETH",2]]}\n\n');
    await until(
      '{"type":"table_rows","table":"cells","reset":true,"columns":["x","y","note"],"rows":[]}\n\n',
    );
    await trades.upsert(trade("b", "ETH", 3));
    await until('"rows":[["b","ETH",3]]}\n\n');
    expect(text).toContain('data: {"type":"table_status","table":"trades","status":"live"}\n\n');
  });

  it("closes a client whose message it does not know, and refuses an address without a table", async () => {
    const { open, url } = await start();
    for (const message of [
      "subscribe",
      { type: "subscribe" },
      { type: "hello", table: "trades" },
      { type: "subscribe", table: "trades", filter: { symbol: "BTC" } },
      { type: "subscribe", table: "trades", filters: ["BTC"] },
    ]) {
      const client = await open("", message);
      await expect.poll(() => client.closedWith?.reason).toBe("BAD_MESSAGE");
      expect(client.messages.at(-1)).toMatchObject({ type: "error", code: "BAD_MESSAGE" });
    }
    for (const address of ["", "?table=trades&filters=BTC", "?subscribe=3"])
      expect((await fetch(`${url}/sse/tables${address}`)).status, address).toBe(400);
    const badFilter = await open("", { type: "subscribe", table: "trades", where: { price: 1 } });
    await expect.poll(() => badFilter.messages.at(-1)).toMatchObject({ code: "BAD_QUERY" });
    expect(badFilter.closedWith).toBeUndefined();
  });
});

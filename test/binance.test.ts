/**
 * Binance through the whole path: a local exchange over real sockets, the source, the server and a
 * client, as fast as it goes, with a lost connection in the middle.
 */
import { describe, expect, it } from "vitest";
import { binance } from "tidemark/binance";
import { createClient } from "../src/client/node.ts";
import { createTidemark } from "../src/index.ts";
import { BinanceExchange } from "./support/binance-exchange.ts";
import { generatedFeed, recordedFeed } from "./support/binance-feed.ts";
import { bookTexts } from "./support/binance-run.ts";
import { serveBinance } from "./support/binance-server.ts";
import { silent } from "./support/silent.ts";

const LEVELS = 20;
const feeds = [
  { title: "a generated minute", feed: generatedFeed(3) },
  { title: "a recorded minute", feed: recordedFeed() },
];

describe.each(feeds)("$title of Binance", ({ feed }) => {
  it.skipIf(feed === undefined)(
    "arrives in a client exactly, as fast as it goes, over a lost connection",
    async () => {
      if (feed === undefined) return;
      const symbols = [...new Set(feed.messages.map(({ data }) => data.s))];
      const [symbol = ""] = symbols;
      const exchange = new BinanceExchange(() => Date.now(), feed.books);
      const server = await serveBinance(exchange);
      const source = binance({
        symbols,
        depthLevels: LEVELS,
        url: server.url,
        restUrl: server.restUrl,
        limits: { reconnectBaseMs: 10, retryBaseMs: 10 },
      });
      const tidemark = createTidemark({ sources: [source], logger: silent });
      const { url } = await tidemark.listen({ port: 0 });
      const client = createClient<typeof source.channels>({ url: `${url}/v2/stream` });
      try {
        const trades = client.live({ channel: "trades" });
        const depth = client.live({ channel: "depth", where: { column: "symbol", eq: symbol } });
        const markets = client.live({ channel: "markets" });
        for (const view of [trades, depth, markets]) view.subscribe(() => {});
        await expect.poll(() => markets.getSnapshot().rows.length).toBe(symbols.length);
        // The first trades arrive, so the source knows where it was when the connection is lost.
        const half = Math.floor(feed.messages.length / 2);
        for (const { stream, data } of feed.messages.slice(0, half)) exchange.emit(stream, data);
        await expect
          .poll(() => trades.getSnapshot().rows.length)
          .toBe(Array.from(exchange.trades.values()).flat().length);
        exchange.cut();
        for (const { stream, data } of feed.messages.slice(half)) exchange.emit(stream, data);
        const sent = Array.from(exchange.trades.values()).flat();
        await expect
          .poll(
            () =>
              trades
                .getSnapshot()
                .rows.map(({ symbol, id }) => `${symbol} ${id}`)
                .sort(),
            {
              timeout: 15_000,
            },
          )
          .toEqual(sent.map(({ s, a }) => `${s} ${a}`).sort());
        const side = (name: string, direction: 1 | -1): readonly (readonly [string, string])[] =>
          depth
            .getSnapshot()
            .rows.filter((row) => row.side === name)
            .map(({ price, quantity }) => [price, quantity] as const)
            .toSorted(([left], [right]) => direction * (Number(left) - Number(right)));
        await expect
          .poll(() => JSON.stringify([side("bid", -1), side("ask", 1)]), { timeout: 15_000 })
          .toBe(bookTexts(feed, symbol, LEVELS).at(-1));
        await expect
          .poll(() => markets.getSnapshot().rows.map((row) => [row.depth, row.missing_trades]), {
            timeout: 15_000,
          })
          .toEqual(symbols.map(() => ["live", 0]));
      } finally {
        client.close();
        await tidemark.stop();
        await server.close();
      }
    },
    30_000,
  );
});

/**
 * Replays 2.5 days of recorded trades of one market through log, tables, views, the wire and the
 * client. Skipped without the recordings, which are not part of the project.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { createClient } from "../src/client/node.ts";
import { channel, createTidemark } from "../src/index.ts";
import { silent } from "./support/silent.ts";

const recording = fileURLToPath(
  new URL("../../shared/data/binance-xrpeth-trades-2019-10-11.json.gz", import.meta.url),
);

interface Trade {
  readonly id: string;
  readonly time_ms: number;
  readonly side: string;
  readonly price: string;
  readonly amount: string;
}

describe.skipIf(!existsSync(recording))("recorded trades", () => {
  it("arrive exactly, in a bounded channel, a filter and a top-N, with fast and slow clients", async () => {
    const raw = JSON.parse(gunzipSync(readFileSync(recording)).toString()) as [
      number,
      number | string,
      null,
      string,
      number,
      number,
      number,
    ][];
    const trades = raw.map(([time_ms, id, , side, price, amount]): Trade => ({
      id: String(id),
      time_ms,
      side,
      price: String(price),
      amount: String(amount),
    }));
    expect(trades.length).toBe(12_477);
    const rowsMax = 5_000;
    const channels = {
      trades: channel<Trade>({
        key: "id",
        columns: {
          id: "text",
          time_ms: "integer",
          side: "text",
          price: "numeric",
          amount: "numeric",
        },
        bounds: { rowsMax },
      }),
    };
    const tidemark = createTidemark({ channels, logger: silent });
    const { url } = await tidemark.listen({ port: 0 });
    const client = createClient<typeof channels>({ url: `${url}/v2/stream` });
    try {
      const all = client.live({ channel: "trades" });
      const buys = client.live({
        channel: "trades",
        where: {
          and: [
            { column: "side", eq: "buy" },
            { column: "amount", gte: "1000" },
          ],
        },
      });
      const largest = client.live({
        channel: "trades",
        orderBy: [{ column: "amount", direction: "desc" }],
        limit: 50,
      });
      for (const view of [all, buys, largest]) view.subscribe(() => {});
      for (let from = 0; from < trades.length; from += 37)
        await tidemark.channel("trades").upsert(trades.slice(from, from + 37));
      const expected = trades.slice(-rowsMax);
      await expect
        .poll(
          () =>
            all.getSnapshot().keys.length === rowsMax &&
            all.row(expected.at(-1)?.id ?? "") !== undefined,
          { timeout: 10_000 },
        )
        .toBe(true);
      const ids = (rows: readonly Trade[]): readonly string[] =>
        rows.map(({ id }) => id).toSorted();
      expect(ids(all.getSnapshot().rows)).toEqual(ids(expected));
      expect(ids(buys.getSnapshot().rows)).toEqual(
        ids(expected.filter(({ side, amount }) => side === "buy" && Number(amount) >= 1_000)),
      );
      const byAmount = expected.toSorted(
        (a, b) => Number(b.amount) - Number(a.amount) || (a.id < b.id ? -1 : 1),
      );
      expect(largest.getSnapshot().rows).toEqual(byAmount.slice(0, 50));
    } finally {
      client.close();
      await tidemark.stop();
    }
  });
});

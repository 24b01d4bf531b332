/** The Binance source, over real sockets, passes the suite of all sources: its book is the table. */
import { BinanceExchange } from "../../../test/support/binance-exchange.ts";
import { serveBinance } from "../../../test/support/binance-server.ts";
import { ItemsSource } from "../../../test/support/items-source.ts";
import type { ChannelChange } from "../../log/log.ts";
import { sourceConformance } from "../conformance.ts";
import { binance } from "./index.ts";

const STREAM = "itemusdt@depth@100ms";

/** Rows of the suite as asks of one book: the price stands for the id, the quantity is the value. */
class BookTable {
  readonly rows = new Map<string, string>();
  readonly #prices = new Map<string, string>();
  readonly #exchange: BinanceExchange;
  #lastId = 1;

  constructor(exchange: BinanceExchange) {
    this.#exchange = exchange;
  }

  idOf(price: string): string {
    return Array.from(this.#prices).find(([, known]) => known === price)?.[0] ?? "";
  }

  set(rows: Readonly<Record<string, string>>): void {
    for (const [id, value] of Object.entries(rows)) {
      if (!this.#prices.has(id)) this.#prices.set(id, `${this.#prices.size + 1}.50`);
      if (value === "0") this.rows.delete(id);
      else this.rows.set(id, value);
    }
    const previousId = this.#lastId;
    this.#lastId += 10;
    this.#exchange.emit(STREAM, {
      e: "depthUpdate",
      E: Date.now(),
      T: Date.now(),
      s: "ITEMUSDT",
      U: previousId + 3,
      u: this.#lastId,
      pu: previousId,
      b: [],
      a: Object.entries(rows).map(([id, value]) => [this.#prices.get(id) ?? "", value]),
    });
  }
}

/** Shows the book as the table `items` of the suite. */
function itemsOf(table: BookTable): (change: ChannelChange) => ChannelChange {
  return (change) => ({
    ...change,
    upserts: change.upserts.map(({ row }) => {
      const id = table.idOf(String(row["price"]));
      return { key: id, row: { id, value: row["quantity"] ?? null } };
    }),
    removes: change.removes.map((key) =>
      table.idOf((JSON.parse(key) as readonly string[])[2] ?? ""),
    ),
  });
}

sourceConformance("Binance", async () => {
  const exchange = new BinanceExchange(() => Date.now());
  const server = await serveBinance(exchange);
  const table = new BookTable(exchange);
  return {
    channel: "items",
    source: () =>
      new ItemsSource(
        binance({
          symbols: ["itemusdt"],
          streams: ["depth@100ms"],
          channels: { depth: { name: "items" } },
          url: server.url,
          restUrl: server.restUrl,
          limits: {
            reconnectBaseMs: 20,
            reconnectMsMax: 100,
            retryBaseMs: 20,
            pingMs: 250,
            asOfMs: 100,
          },
        }),
        itemsOf(table),
      ),
    set: (rows) => Promise.resolve(table.set(rows)),
    remove: (id) => Promise.resolve(table.set({ [id]: "0" })),
    rows: () => Promise.resolve(new Map(table.rows)),
    disconnect: () => {
      exchange.isReachable = false;
      exchange.cut();
      return Promise.resolve(() => {
        exchange.isReachable = true;
        return Promise.resolve();
      });
    },
    close: () => server.close(),
  };
});

/** A server with two channels and clients that speak literal frames, for tests of the wire. */
import { channel, createTidemark, type TidemarkOptions } from "../../src/index.ts";
import { silent } from "./silent.ts";
import { WireClient } from "./wire-client.ts";

export interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: number;
}

const stops: (() => unknown)[] = [];

/** Runs after the test, last registered first. */
export function atEnd(stop: () => unknown): void {
  stops.push(stop);
}

export async function stopAll(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

export const tradeChannels = {
  trades: channel<Trade>({ key: "id", columns: { id: "text", symbol: "text", price: "float" } }),
  notes: channel({ key: "id" }),
};

export async function startTrades(options: Partial<TidemarkOptions> = {}) {
  const tidemark = createTidemark({
    logger: silent,
    ...options,
    channels: { ...tradeChannels, ...options.channels },
  });
  const { url } = await tidemark.listen({ port: 0 });
  stops.push(() => tidemark.stop());
  const stream = `${url.replace("http", "ws")}/v2/stream`;
  const connect = (headers: Record<string, string> = {}): WireClient => {
    const client = new WireClient(stream, { headers });
    stops.push(() => client.close());
    return client;
  };
  return { tidemark, url, stream, connect };
}

export const trade = (id: string, symbol: string, price: number): Trade => ({ id, symbol, price });

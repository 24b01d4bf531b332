/**
 * Starts the dashboard: `node dist/mempool/main.js [--rpc [NAME=]ws://…]… [--rate
 * TRANSACTIONS_PER_SECOND] [--seed N] [--data FILE]`. `PORT`: default 8083; 0 takes a free one.
 * `VIZ_API_STREAM_V2_ENABLED=false` serves the older routes instead, and `shadow` serves both.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { runProgram } from "../trading/program.ts";
import { nodesOf, type FeedOptions } from "./feed.ts";
import { createMempool, type MempoolOptions } from "./server.ts";

/** By the value of `VIZ_API_STREAM_V2_ENABLED`. */
const ROUTES: Readonly<Record<string, MempoolOptions["routes"]>> = {
  true: "newer",
  false: "older",
  shadow: "both",
};

function readArguments(): { readonly feed: FeedOptions; readonly data: string | undefined } {
  const { values } = parseArgs({
    options: {
      rpc: { type: "string", multiple: true },
      rate: { type: "string", default: "20" },
      seed: { type: "string", default: "1" },
      data: { type: "string" },
    },
  });
  const positive = (name: "rate" | "seed"): number => {
    const value = Number(values[name]);
    if (value > 0) return value;
    throw new Error(`--${name} must be a number above 0.`);
  };
  const feed: FeedOptions =
    values.rpc === undefined
      ? { kind: "built-in", seed: positive("seed"), perSecond: positive("rate") }
      : { kind: "rpc", nodes: nodesOf(values.rpc) };
  return { feed, data: values.data };
}

await runProgram("Mempool dashboard", () =>
  createMempool({
    ...readArguments(),
    port: Number(process.env["PORT"] ?? 8_083),
    assets: process.env["MEMPOOL_ASSETS"] ?? fileURLToPath(new URL("./page", import.meta.url)),
    routes: ROUTES[process.env["VIZ_API_STREAM_V2_ENABLED"] ?? "true"] ?? "newer",
    logLevel: process.env["LOG_LEVEL"] ?? "warn",
  }),
);

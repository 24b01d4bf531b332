/**
 * Starts the dashboard: `node dist/main.js [--feed binance | --feed replay FILE] [--data FILE]
 * [--rate ROWS_PER_SECOND] [--seed N] [--speed N]`. `PORT`: default 8082; 0 takes a free one.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createTrading, type FeedOptions } from "./server.ts";

const assets = process.env["TRADING_ASSETS"] ?? fileURLToPath(new URL("./page", import.meta.url));

function readArguments(): { readonly feed: FeedOptions; readonly data: string | undefined } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      feed: { type: "string", default: "built-in" },
      data: { type: "string" },
      rate: { type: "string", default: "180" },
      seed: { type: "string", default: "1" },
      speed: { type: "string", default: "1" },
    },
  });
  const positive = (name: "rate" | "seed" | "speed"): number => {
    const value = Number(values[name]);
    if (value > 0) return value;
    throw new Error(`--${name} must be a number above 0.`);
  };
  const { data } = values;
  switch (values.feed) {
    case "built-in":
      return {
        feed: { kind: "built-in", seed: positive("seed"), rowsPerSecond: positive("rate") },
        data,
      };
    case "binance":
      return { feed: { kind: "binance" }, data };
    case "replay": {
      const [file] = positionals;
      if (file === undefined) throw new Error("--feed replay needs a file.");
      return { feed: { kind: "replay", file, speed: positive("speed") }, data };
    }
    default:
      throw new Error(`--feed is built-in, binance or replay, and not ${values.feed}.`);
  }
}

try {
  const { feed, data } = readArguments();
  const trading = await createTrading({
    port: Number(process.env["PORT"] ?? 8_082),
    assets,
    feed,
    data,
    logLevel: process.env["LOG_LEVEL"] ?? "warn",
  });
  console.log(`\n  Trading dashboard: ${trading.url}\n`);
  let isStopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(130);
      isStopping = true;
      trading.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
} catch (error) {
  console.error(
    `The trading dashboard could not start: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exit(1);
}

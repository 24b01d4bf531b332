/**
 * Starts the dashboard: `node dist/mempool/main.js [--rate TRANSACTIONS_PER_SECOND] [--seed N]
 * [--data FILE]`. `PORT`: default 8083; 0 takes a free one.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { createMempool } from "./server.ts";

const assets = process.env["MEMPOOL_ASSETS"] ?? fileURLToPath(new URL("./page", import.meta.url));

function readArguments() {
  const { values } = parseArgs({
    options: {
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
  return {
    builtIn: { seed: positive("seed"), perSecond: positive("rate") },
    data: values.data,
  };
}

try {
  const mempool = await createMempool({
    ...readArguments(),
    port: Number(process.env["PORT"] ?? 8_083),
    assets,
    logLevel: process.env["LOG_LEVEL"] ?? "warn",
  });
  console.log(`\n  Mempool dashboard: ${mempool.url}\n`);
  let isStopping = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(130);
      isStopping = true;
      mempool.stop().then(
        () => process.exit(0),
        () => process.exit(1),
      );
    });
  }
} catch (error) {
  console.error(
    `The mempool dashboard could not start: ${error instanceof Error ? error.message : String(error)}`,
  );
  process.exit(1);
}

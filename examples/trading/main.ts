/**
 * Starts the dashboard: `node dist/trading/main.js [--feed binance | --feed replay FILE]
 * [--data FILE] [--rate ROWS_PER_SECOND] [--seed N] [--speed N]
 * [--symbols A,B] [--url WS_URL] [--rest-url URL]`. `PORT`: default 8082; 0 takes a free one.
 */
import { fileURLToPath } from "node:url";
import { feedArguments } from "./feed/feed.ts";
import { runProgram } from "./program.ts";
import { createTrading } from "./server.ts";

await runProgram("Trading dashboard", () => {
  const { feed, data } = feedArguments();
  return createTrading({
    port: Number(process.env["PORT"] ?? 8_082),
    assets: process.env["TRADING_ASSETS"] ?? fileURLToPath(new URL("./page", import.meta.url)),
    feed,
    data,
    logLevel: process.env["LOG_LEVEL"] ?? "warn",
  });
});

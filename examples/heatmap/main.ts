/**
 * Starts the heatmap: `node dist/heatmap/main.js [--minutes N] [--interval MINUTES]` and the flags
 * of the trading dashboard. `PORT`: default 8083; 0 takes a free one. `WS_UPDATE_INTERVAL`: seconds
 * between two updates, default 5. `WS_ENABLED=false` turns the socket off, and pages poll.
 */
import { fileURLToPath } from "node:url";
import { feedArguments } from "../trading/feed/feed.ts";
import { runProgram } from "../trading/program.ts";
import { createHeatmap, HEATMAP_DEFAULTS } from "./server.ts";

await runProgram("Heatmap dashboard", () => {
  const { minutes, interval, updateSeconds } = HEATMAP_DEFAULTS;
  const { feed, data, numberOf } = feedArguments({ minutes, interval });
  const seconds = Number(process.env["WS_UPDATE_INTERVAL"] ?? updateSeconds);
  if (!(seconds > 0)) throw new Error("WS_UPDATE_INTERVAL must be a number of seconds above 0.");
  return createHeatmap({
    port: Number(process.env["PORT"] ?? 8_083),
    assets: process.env["HEATMAP_ASSETS"] ?? fileURLToPath(new URL("./page", import.meta.url)),
    feed,
    data,
    minutes: numberOf("minutes"),
    intervalMinutes: numberOf("interval"),
    everyMs: seconds * 1_000,
    hasSocket: process.env["WS_ENABLED"] !== "false",
    logLevel: process.env["LOG_LEVEL"] ?? "warn",
  });
});

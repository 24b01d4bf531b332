/**
 * Ingest over HTTP: rows/s and the server's CPU time per row, from producers in another process
 * that send a request when their last one is answered.
 */
import { pino } from "pino";
import { channel, createTidemark } from "../src/index.ts";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { cpuMeter, startChild } from "./support/child.ts";
import { fixed, machine, median, table } from "./support/report.ts";

const ROWS_PER_REQUEST = 1_000;
const REQUESTS = 300;
const ROUNDS = 5;
const PRODUCERS = [1, 4];

const producer = await startChild("ingest-producer");
const results: string[][] = [];
for (const hasHistory of [false, true])
  for (const format of ["ndjson", "json"])
    for (const producers of PRODUCERS) {
      const tidemark = createTidemark({
        logger: pino({ level: "silent" }),
        channels: {
          trades: channel({
            key: "id",
            bounds: { rowsMax: 50_000 },
            ingest: () => true,
            ...(hasHistory && { history: { maxRows: 1_000 } }),
          }),
        },
        ...(hasHistory && { history: new ScriptedStore() }),
      });
      const { url } = await tidemark.listen({ port: 0 });
      const rounds: { perSecond: number; cpuUs: number; p99Ms: number }[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const meter = cpuMeter();
        const { p99Ms } = await producer.ask<{ p99Ms: number }>({
          kind: "send",
          url: `${url}/v2/ingest/trades`,
          format,
          producers,
          requests: REQUESTS,
          rows: ROWS_PER_REQUEST,
        });
        const { cpuMs, wallMs } = meter();
        const rows = REQUESTS * ROWS_PER_REQUEST;
        rounds.push({ perSecond: rows / (wallMs / 1_000), cpuUs: (cpuMs * 1_000) / rows, p99Ms });
      }
      await tidemark.stop();
      results.push([
        `${format}, ${producers} producers, ${hasHistory ? "a store in memory" : "no history"}`,
        fixed(median(rounds.map(({ perSecond }) => perSecond)), 0),
        fixed(median(rounds.map(({ cpuUs }) => cpuUs))),
        fixed(median(rounds.map(({ p99Ms }) => p99Ms)), 1),
      ]);
    }
await producer.stop();
console.log(
  `${ROWS_PER_REQUEST} rows of about 230 B per request over 20,000 keys, ${REQUESTS} requests, ${ROUNDS} rounds\n${await machine()}\n`,
);
console.log(table(["", "rows/s", "server CPU µs/row", "answer p99 ms"], results));

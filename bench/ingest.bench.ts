/** Ingest: upserts/s through log, live table and one filtered view, in one process on one core. */
import { MemoryLog } from "../src/log/memory.ts";
import { systemClock } from "../src/std/clock.ts";
import { systemRandom } from "../src/std/random.ts";
import type { Row } from "../src/protocol/row.ts";
import { declareChannel } from "../src/log/channel.ts";
import { Replica } from "../src/table/replica.ts";
import { cpuMeter } from "./support/child.ts";
import { fixed, machine, median, table, goal } from "./support/report.ts";
import { makeTrade } from "./support/trade.ts";

const ROWS = 300_000;
const PER_COMMIT = 100;
const ROUNDS = 7;

const results: { perSecond: number; cpuUs: number }[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const log = new MemoryLog({ clock: systemClock, random: systemRandom });
  const replica = new Replica();
  const reader = await log.open(0);
  const catchUp = (): void => {
    for (const commit of reader.read(16)) replica.apply(commit);
    reader.ack(replica.seq);
  };
  void log.append({
    changes: [],
    declares: [declareChannel({ name: "trades", key: ["id"], bounds: { rowsMax: 50_000 } })],
  });
  catchUp();
  const view = replica.acquire(
    {
      channel: "trades",
      where: {
        and: [
          { column: "side", eq: "buy" },
          { column: "trade_id", gt: 0 },
        ],
      },
    },
    undefined,
  );
  const commits = Array.from({ length: ROWS / PER_COMMIT }, () =>
    Array.from({ length: PER_COMMIT }, () => {
      const trade = makeTrade(20_000);
      return { key: trade.id, row: trade as unknown as Row };
    }),
  );
  const meter = cpuMeter();
  for (const upserts of commits) {
    void log.append({ changes: [{ channel: "trades", upserts, removes: [] }] });
    catchUp();
  }
  const { cpuMs, wallMs } = meter();
  if (view.rows.size === 0) throw new Error("the view followed nothing");
  results.push({ perSecond: ROWS / (wallMs / 1_000), cpuUs: (cpuMs * 1_000) / ROWS });
}
const perSecond = median(results.map((result) => result.perSecond));
console.log(
  `Upserts of about 230 B over 20,000 keys, ${PER_COMMIT} per commit, ${ROUNDS} rounds\n${await machine()}\n`,
);
console.log(
  table(
    ["", "upserts/s", "CPU µs/upsert"],
    [
      [
        "log + table + filtered view",
        fixed(perSecond, 0),
        fixed(median(results.map(({ cpuUs }) => cpuUs))),
      ],
    ],
  ),
);
console.log(goal(`${fixed(perSecond, 0)} upserts/s (goal 300,000)`, perSecond >= 300_000));

/**
 * What triggers cost writers: transactions per second of pgbench (TPC-B, and single-row updates)
 * without Tidemark and while it reads, at 1, 8 and 32 clients. Prints the medians of three rounds,
 * in turn. Postgres, pgbench and Tidemark share the cores of one machine, which is a part of the
 * cost.
 */
import { writeFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { createTidemark } from "../src/index.ts";
import { postgres } from "../src/sources/postgres/index.ts";
import { initPgbench, runPgbench } from "../test/support/pgbench.ts";
import { startPostgres } from "../test/support/postgres-server.ts";
import { cpuMeter } from "./support/child.ts";
import { fixed, machine, median, table, goal } from "./support/report.ts";

const SECONDS = Number(process.argv[2] ?? 4);
const ROUNDS = 3;
const CLIENTS = [1, 8, 32];
const SCALE = 10;
const TABLES = ["pgbench_accounts", "pgbench_tellers", "pgbench_branches"];

const server = await startPostgres(18, {
  fsync: "on",
  shared_buffers: "512MB",
  max_wal_size: "4GB",
});
await initPgbench(server, SCALE);
const folder = mkdtempSync(join(tmpdir(), "tidemark-bench-"));
const single = join(folder, "single.sql");
writeFileSync(
  single,
  `\\set aid random(1, 100000 * ${SCALE})\nUPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n`,
);
const WORKLOADS = { "TPC-B": [], "single update": ["-f", single] } as const;

console.log(
  `pgbench -T ${SECONDS}, scale ${SCALE}, prepared statements, ${ROUNDS} rounds; all on the same cores\n${await machine()}\n`,
);
const rows: (readonly (string | number)[])[] = [];
let worst = 1;
for (const [workload, flags] of Object.entries(WORKLOADS)) {
  for (const clients of CLIENTS) {
    const args = [
      "-c",
      String(clients),
      "-j",
      "1",
      "-T",
      String(SECONDS),
      "-M",
      "prepared",
      ...flags,
    ];
    const rounds: { without: number; whileRead: number; cpu: number }[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const without = (await runPgbench(server, args)).tps;
      const tidemark = createTidemark({
        sources: [postgres(server.url, { tables: TABLES, bounds: { rowsMax: 10_000 } })],
        logger: pino({ level: "silent" }),
      });
      await tidemark.start();
      const meter = cpuMeter();
      const whileRead = (await runPgbench(server, args)).tps;
      const { cpuMs, wallMs } = meter();
      await tidemark.stop();
      // Uninstalled, so that the next run has no triggers.
      await server.sql("DROP SCHEMA tidemark CASCADE");
      rounds.push({ without, whileRead, cpu: cpuMs / wallMs });
    }
    const share = median(rounds.map(({ without, whileRead }) => whileRead / without));
    worst = Math.min(worst, share);
    rows.push([
      workload,
      clients,
      fixed(median(rounds.map(({ without }) => without)), 0),
      fixed(median(rounds.map(({ whileRead }) => whileRead)), 0),
      `${fixed(100 * share, 0)} %`,
      fixed(median(rounds.map(({ cpu }) => 100 * cpu)), 0),
    ]);
  }
}
console.log(
  table(["workload", "clients", "tps without", "tps with", "kept", "Tidemark CPU %"], rows),
);
console.log(
  goal(`at least ${fixed(100 * worst, 0)} % of throughput kept (goal 70 %)`, worst >= 0.7),
);
rmSync(folder, { recursive: true });
await server.remove();
process.exit(0);

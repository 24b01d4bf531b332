/**
 * What one attacker costs a hundred other clients of the same server: their latency during each
 * attack, on 20,000 rows of which 200 change per second, and the server's memory and CPU time.
 * `docs/security.md` lists the limits.
 */
import { startChild } from "./support/child.ts";
import { fixed, machine, table } from "./support/report.ts";

const CLIENTS = 100;
const CHANGES_PER_SECOND = 200;
const KEYS = 20_000;
const SETTLE_MS = 2_000;
const MEASURE_MS = 8_000;
const ATTACKS = [
  "none",
  "255 like terms",
  "one large regex",
  "regexes within the bounds",
  "sorted views",
  "heartbeats",
  "RESYNC of all rows",
  "bad frames",
  "40 unread snapshots",
  "1,000 who say nothing",
];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const chosen = process.argv[2];
const lines: (readonly (string | number)[])[] = [];
console.log(
  `${CLIENTS} honest clients, ${CHANGES_PER_SECOND} changes/s on ${KEYS} rows, ${MEASURE_MS / 1_000} s beside each attack\n${await machine()}\n`,
);
for (const attack of ATTACKS) {
  if (chosen !== undefined && chosen !== attack) continue;
  const server = await startChild("feed-server", ["tidemark"], { nodeFlags: ["--expose-gc"] });
  const [honest, attacker] = [await startChild("swarm"), await startChild("attacker")];
  try {
    const port = await server.ask<number>({ kind: "port" });
    // First all rows in one commit.
    void server.ask({ kind: "run", perSecond: KEYS, keys: KEYS });
    await pause(SETTLE_MS);
    void server.ask({ kind: "run", perSecond: CHANGES_PER_SECOND, keys: KEYS });
    await honest.ask({ kind: "open", port, dialect: "tidemark", count: CLIENTS });
    await pause(SETTLE_MS);
    await attacker.ask({ kind: "begin", attack, port });
    await pause(1_000);
    await Promise.all([server.ask({ kind: "reset" }), honest.ask({ kind: "reset" })]);
    await pause(MEASURE_MS);
    const { latencyP50Ms, latencyP99Ms } = await honest.ask<Record<string, number>>({
      kind: "read",
    });
    const { loopMaxMs, rssBytes, cpuMs, wallMs } = await server.ask<Record<string, number>>({
      kind: "read",
    });
    lines.push([
      attack,
      fixed(latencyP50Ms ?? Number.NaN, 1),
      fixed(latencyP99Ms ?? Number.NaN, 1),
      fixed(loopMaxMs ?? 0, 0),
      fixed(((cpuMs ?? 0) / (wallMs ?? 1)) * 100, 0),
      fixed((rssBytes ?? 0) / 2 ** 20, 0),
    ]);
  } finally {
    await Promise.all([server.stop(), honest.stop(), attacker.stop()]);
  }
}
console.log(
  table(["attack", "p50 ms", "p99 ms", "loop's longest ms", "server CPU %", "RSS MiB"], lines),
);

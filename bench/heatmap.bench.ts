/**
 * The heatmap example under many clients over six symbols, half of which get whole heatmaps and
 * half what changes; 5 % are slow, or die without a word. Clients connect, and heatmaps are
 * calculated, by the clock and not by answers. Measures the time from a calculated heatmap to its
 * receipt, bytes, drops, memory, and how long dead connections stay:
 * `npm run bench -- heatmap [--clients 1000] [--minutes 5] [--every SECONDS]`.
 *
 * With `--compare`, the work of the server for so many viewers, compared with as many pollers of
 * the REST twin, and of an endpoint that calculates a heatmap for each request.
 */
import { parseArgs } from "node:util";
import { startChild, type Child, type CpuUsage } from "./support/child.ts";
import type { Received } from "./support/heatmap-clients.ts";
import type { Calculated } from "./support/heatmap-server.ts";
import { fixed, goal, machine, percentile, table } from "./support/report.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "1000" },
    minutes: { type: "string", default: "5" },
    every: { type: "string", default: "5" },
    compare: { type: "boolean", default: false },
  },
});
const CLIENTS = Number(values.clients);
const RUN_MS = Number(values.minutes) * 60_000;
const EVERY_MS = Number(values.every) * 1_000;

const SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT"];
const SERVER_CORE = 0;
const CLIENT_CORE = 1;
/** Of the clients: so many read slowly, and as many die. */
const TROUBLED_SHARE = 0.025;
const CONNECTS_PER_SECOND = 200;
const WARM_UP_MS = 40_000;
const MEMORY_READS = 5;
const DEATH_AFTER_MS = 5_000;
const ZOMBIE_MS_MAX = 40_000;
const READING = ["whole", "changes"];

interface ServerRead extends CpuUsage {
  readonly calculated: readonly Calculated[];
  readonly queries: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

interface ClientsRead extends CpuUsage {
  readonly groups: Readonly<Record<string, Received>>;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function settled(server: Child): Promise<ServerRead> {
  await server.ask({ kind: "collect" });
  await pause(500);
  await server.ask({ kind: "collect" });
  return server.ask<ServerRead>({ kind: "read" });
}

/** The middle one of several, since the collector and DuckDB give memory back when they like. */
async function memory(server: Child): Promise<ServerRead> {
  const reads: ServerRead[] = [];
  for (let index = 0; index < MEMORY_READS; index++) {
    reads.push(await settled(server));
    await pause(1_000);
  }
  const byRss = reads.toSorted((a, b) => a.rssBytes - b.rssBytes);
  return byRss[Math.floor(MEMORY_READS / 2)] as ServerRead;
}

/** Until as many sessions have gone, or much more than the time for it has passed. */
async function msUntilSessions(server: Child, sessionsMax: number): Promise<number> {
  const beganMs = performance.now();
  for (;;) {
    const takenMs = performance.now() - beganMs;
    if ((await server.ask<number>({ kind: "sessions" })) <= sessionsMax) return takenMs;
    if (takenMs > 2 * ZOMBIE_MS_MAX) return Number.POSITIVE_INFINITY;
    await pause(200);
  }
}

interface Delivery {
  readonly latencies: number[];
  readonly missing: number;
  readonly expected: number;
}

/** What the reading clients received of each heatmap that was calculated in the run. */
function deliveryOf(server: ServerRead, { groups }: ClientsRead): Delivery {
  const latencies: number[] = [];
  let [missing, expected] = [0, 0];
  // Those of the last second may still be on their way.
  const endMs = Math.max(...server.calculated.map(([, , atMs]) => atMs)) - 1_000;
  for (const [symbol, asOfMs, atMs] of server.calculated.filter(([, , atMs]) => atMs < endMs))
    for (const name of READING) {
      const group = groups[name];
      const times = group?.messages[`${symbol} ${asOfMs}`] ?? [];
      const clients = clientsOf(group?.clients ?? 0, SYMBOLS.indexOf(symbol));
      expected += clients;
      missing += Math.max(0, clients - times.length);
      for (const time of times) latencies.push(time - atMs);
    }
  return { latencies, missing, expected };
}

/** Clients take the symbols in turn. */
function clientsOf(count: number, place: number): number {
  return Math.floor(count / SYMBOLS.length) + (place < count % SYMBOLS.length ? 1 : 0);
}

async function open(clients: Child, port: number, name: string, count: number): Promise<void> {
  const mode = name === "changes" ? "changes" : "whole";
  const perSecond = CONNECTS_PER_SECOND;
  await clients.ask({ kind: "open", port, name, count, mode, symbols: SYMBOLS, perSecond });
}

async function load(): Promise<void> {
  const server = await startChild("heatmap-server", [String(EVERY_MS)], {
    core: SERVER_CORE,
    nodeFlags: ["--expose-gc"],
  });
  const clients = await startChild("heatmap-clients", [], { core: CLIENT_CORE });
  try {
    const { port } = await server.ask<{ port: number }>({ kind: "ports" });
    await open(clients, port, "warm-up", 2 * SYMBOLS.length);
    await pause(WARM_UP_MS);
    await clients.ask({ kind: "close" });
    await msUntilSessions(server, 0);
    const before = await memory(server);
    const troubled = Math.round(CLIENTS * TROUBLED_SHARE);
    const reading = CLIENTS - 2 * troubled;
    await open(clients, port, "whole", Math.ceil(reading / 2));
    await open(clients, port, "changes", Math.floor(reading / 2));
    await open(clients, port, "slow", troubled);
    await open(clients, port, "dead", troubled);
    await pause(EVERY_MS);
    const connected = await memory(server);
    await clients.ask({ kind: "slow", name: "slow" });
    await Promise.all([server.ask({ kind: "reset" }), clients.ask({ kind: "reset" })]);
    const endMs = performance.now() + RUN_MS;
    await pause(DEATH_AFTER_MS);
    await clients.ask({ kind: "die", name: "dead" });
    const zombieMs = await msUntilSessions(server, CLIENTS - troubled);
    await pause(endMs - performance.now());
    const after = await server.ask<ServerRead>({ kind: "read" });
    const received = await clients.ask<ClientsRead>({ kind: "read" });
    const last = await memory(server);
    printLoad({ before, connected, after, last, received, zombieMs });
  } finally {
    await Promise.all([server.stop(), clients.stop()]);
  }
}

interface LoadResult {
  readonly before: ServerRead;
  readonly connected: ServerRead;
  readonly after: ServerRead;
  readonly last: ServerRead;
  readonly received: ClientsRead;
  readonly zombieMs: number;
}

function printLoad({ before, connected, after, last, received, zombieMs }: LoadResult): void {
  const { latencies, missing, expected } = deliveryOf(after, received);
  const seconds = after.wallMs / 1_000;
  const perSecond = (name: string): number => {
    const { bytes = 0, clients = 1 } = received.groups[name] ?? {};
    return bytes / 1_000 / clients / seconds;
  };
  const kibPerClient = (of: (read: ServerRead) => number, read: ServerRead): number =>
    (of(read) - of(before)) / CLIENTS / 1_024;
  const rss = ({ rssBytes }: ServerRead): number => rssBytes;
  const heap = ({ heapBytes }: ServerRead): number => heapBytes;
  const [p50, p95, p99] = [0.5, 0.95, 0.99].map((share) => percentile(latencies, share)) as [
    number,
    number,
    number,
  ];
  const closed = READING.reduce((sum, name) => sum + (received.groups[name]?.closed ?? 0), 0);
  const dropShare = expected === 0 ? 1 : missing / expected;
  console.log(
    table(
      ["of the run", ""],
      [
        ["heatmaps calculated", after.queries],
        ["received", latencies.length],
        ["latency p50, p95, p99 in ms", [p50, p95, p99].map((ms) => fixed(ms, 1)).join(", ")],
        ["KB/s per client, whole", fixed(perSecond("whole"))],
        ["KB/s per client, changes", fixed(perSecond("changes"))],
        ["CPU of the server, % of a core", fixed((100 * after.cpuMs) / after.wallMs, 1)],
        ["CPU of the clients", fixed((100 * received.cpuMs) / received.wallMs, 1)],
        ["KiB per client, RSS, when connected", fixed(kibPerClient(rss, connected), 1)],
        ["KiB per client, heap, when connected", fixed(kibPerClient(heap, connected), 1)],
        ["KiB per client, RSS, at the end", fixed(kibPerClient(rss, last), 1)],
        ["KiB per client, heap, at the end", fixed(kibPerClient(heap, last), 1)],
        ["RSS of the server in MiB", fixed(last.rssBytes / 2 ** 20, 0)],
      ],
    ),
  );
  console.log();
  console.log(goal(`latency p95 ${fixed(p95, 1)} ms (goal under 100)`, p95 < 100));
  const kbPerSecond = Math.max(...READING.map(perSecond));
  console.log(
    goal(`${fixed(kbPerSecond)} KB/s per client at most (goal under 5)`, kbPerSecond < 5),
  );
  console.log(
    goal(
      `${missing} of ${expected} heatmaps dropped (${fixed(dropShare * 100, 3)} %), ${closed} connections (goal 0)`,
      missing === 0 && closed === 0,
    ),
  );
  const most = Math.max(kibPerClient(rss, connected), kibPerClient(heap, connected));
  console.log(goal(`${fixed(most, 1)} KiB of memory per client (goal under 16)`, most < 16));
  console.log(
    goal(
      `dead connections gone within ${fixed(zombieMs / 1_000, 1)} s (goal 40)`,
      zombieMs < ZOMBIE_MS_MAX,
    ),
  );
}

interface Work {
  readonly queries: number;
  readonly cpuMs: number;
  readonly bytes: number;
  readonly seconds: number;
  readonly note: string;
}

interface Polled {
  readonly answers: number;
  readonly failures: number;
  readonly bytes: number;
  readonly times: readonly number[];
}

const COMPARE_MS = 60_000;
/** The endpoint that calculates would need many cores; it is measured for a shorter time. */
const CALCULATING_MS = 20_000;

async function compare(): Promise<void> {
  const server = await startChild("heatmap-server", [String(EVERY_MS)], { core: SERVER_CORE });
  const clients = await startChild("heatmap-clients", [], { core: CLIENT_CORE });
  try {
    const { port, calculatingPort } = await server.ask<{ port: number; calculatingPort: number }>({
      kind: "ports",
    });
    const work = async (
      ms: number,
      end: () => Promise<readonly [number, string]>,
    ): Promise<Work> => {
      await server.ask({ kind: "reset" });
      await pause(ms);
      const { queries, cpuMs, wallMs } = await server.ask<ServerRead>({ kind: "read" });
      const [bytes, note] = await end();
      return { queries, cpuMs, bytes, seconds: wallMs / 1_000, note };
    };
    const viewers = async (name: string): Promise<Work> => {
      await open(clients, port, name, CLIENTS);
      await pause(EVERY_MS);
      await clients.ask({ kind: "reset" });
      const result = await work(COMPARE_MS, async () => {
        const { groups } = await clients.ask<ClientsRead>({ kind: "read" });
        return [groups[name]?.bytes ?? 0, `${groups[name]?.closed ?? 0} closed`];
      });
      await clients.ask({ kind: "close" });
      await msUntilSessions(server, 0);
      return result;
    };
    const pollers = async (ms: number, address: (symbol: string) => string): Promise<Work> => {
      const perSecond = CLIENTS / (EVERY_MS / 1_000);
      await clients.ask({ kind: "poll", urls: SYMBOLS.map(address), perSecond });
      return work(ms, async () => {
        const { answers, failures, bytes, times } = await clients.ask<Polled>({ kind: "endPolls" });
        const p95 = fixed(percentile(times, 0.95), 0);
        return [bytes, `${answers} answers, ${failures} failures, p95 ${p95} ms`];
      });
    };
    // The feed and its history cost something without anybody, too.
    const idle = await work(COMPARE_MS / 2, () => Promise.resolve([0, "the feed alone"]));
    const whole = await viewers("whole");
    const changes = await viewers("changes");
    const twin = await pollers(
      COMPARE_MS,
      (symbol) => `http://127.0.0.1:${port}/api/heatmap?symbol=${symbol}`,
    );
    const calculating = await pollers(
      CALCULATING_MS,
      (symbol) => `http://127.0.0.1:${calculatingPort}/?symbol=${symbol}`,
    );
    printWork(idle, { whole, changes, twin, calculating });
  } finally {
    await Promise.all([server.stop(), clients.stop()]);
  }
}

function printWork(
  idle: Work,
  work: Readonly<Record<"whole" | "changes" | "twin" | "calculating", Work>>,
): void {
  const cpu = ({ cpuMs, seconds }: Work): number => cpuMs / seconds - idle.cpuMs / idle.seconds;
  const line = (name: string, each: Work): readonly (string | number)[] => [
    name,
    fixed(each.queries / each.seconds),
    fixed(each.cpuMs / each.seconds, 1),
    fixed(cpu(each), 1),
    fixed(each.bytes / 1_000 / each.seconds, 0),
    each.note,
  ];
  console.log(
    table(
      [`${CLIENTS} of them`, "queries/s", "CPU ms/s", "above idle", "KB/s", ""],
      [
        line("nobody", idle),
        line("viewers, whole", work.whole),
        line("viewers, changes", work.changes),
        line("pollers of /api/heatmap", work.twin),
        line("pollers, one query each", work.calculating),
      ],
    ),
  );
  console.log();
  const bytes = ({ bytes: sent, seconds }: Work): number => sent / seconds;
  const queries = ({ queries: count, seconds }: Work): number => count / seconds;
  const less = (what: string, of: (each: Work) => number, viewer: Work, poller: Work): void => {
    const share = 100 * (1 - of(viewer) / of(poller));
    console.log(goal(`${what}: ${fixed(share, 1)} % less (goal at least 70)`, share >= 70));
  };
  const { whole, changes, twin, calculating } = work;
  less("CPU, viewers of changes against pollers of /api/heatmap", cpu, changes, twin);
  less("CPU, viewers of whole heatmaps", cpu, whole, twin);
  less("bytes, viewers of changes", bytes, changes, twin);
  less("queries, against pollers with one query each", queries, changes, calculating);
  less("CPU, against pollers with one query each", cpu, changes, calculating);
}

console.log(
  `${CLIENTS} clients over ${SYMBOLS.length} symbols, a heatmap each ${EVERY_MS / 1_000} s\n${await machine()}\n`,
);
await (values.compare ? compare() : load());

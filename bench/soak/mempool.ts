/**
 * The soak of the mempool dashboard: the server under constant load, with a snapshot each 5 s by
 * five readers and a detail each second, and beside it the older architecture under the same load.
 */
import { request } from "node:http";
import { WebSocket } from "ws";
import { startChild, type Child, type CpuUsage } from "../support/child.ts";
import { percentile } from "../support/report.ts";
import {
  percentileGate,
  slopeGate,
  writeReport,
  type Gate,
  type Report,
  type Sample,
} from "./report.ts";

export interface MempoolSoak {
  readonly minutes: number;
  readonly out: string;
  /** Transactions per second. */
  readonly rate: number;
  /** What else is measured while the server runs: the page. */
  readonly probe?: Probe;
}

/** Measures in another place, with series, gates and failures of its own. */
export interface Probe {
  readonly titles: Readonly<Record<string, string>>;
  /** `url` is the dashboard's. */
  start(url: string): Promise<void>;
  sample(): Promise<Readonly<Record<string, number>>>;
  gates(samples: readonly Sample[]): readonly Gate[];
  readonly failures: readonly string[];
  readonly pictures: Report["pictures"];
  stop(): Promise<void>;
}

interface ServerStats {
  readonly heapUsed: number;
  readonly rss: number;
  readonly cpu: CpuUsage;
}

/** What readers measured of one server, in milliseconds. */
interface Readings {
  readonly snapshotMs: number[];
  readonly detailMs: number[];
}

const READERS = 5;
const SNAPSHOT_SECONDS = 5;
const SAMPLE_SECONDS = 10;
/** The share of the run after which figures count. */
const WARM_UP = 0.1;
const HEARTBEAT_MS = 10_000;
const MB = 1_048_576;
const SNAPSHOT_P99_MS = 10;
const DETAIL_P99_MS = 10;
const SLOPE_MB_PER_HOUR_MAX = 10;
const CHANNELS = "tx.main,feature.main,feature_top,opportunity.main,chain.main,market.main";

const TITLES = {
  heapMb: "server heap after collection, MB",
  rssMb: "server RSS, MB",
  cpuPercent: "server CPU, % of a core",
  snapshotP99Ms: "snapshot, p99, ms",
  detailP99Ms: "detail, p99, ms",
  olderHeapMb: "older: server heap after collection, MB",
  olderRssMb: "older: server RSS, MB",
  olderCpuPercent: "older: server CPU, % of a core",
  olderSnapshotP99Ms: "older: snapshot, p99, ms",
} as const;

export async function soakMempool({ minutes, out, rate, probe }: MempoolSoak): Promise<boolean> {
  const start = (routes: string): Promise<Child> =>
    startChild("../soak/mempool-server", [String(rate), routes], { nodeFlags: ["--expose-gc"] });
  const [newer, older] = await Promise.all([start("newer"), start("older")]);
  try {
    const [url, olderUrl] = await Promise.all([
      newer.ask<string>({ kind: "url" }),
      older.ask<string>({ kind: "url" }),
    ]);
    const counts = { frames: 0, missing: 0, errors: 0 };
    const closePages = await openPages(url, olderUrl, counts);
    await probe?.start(url);
    const all: Readings = { snapshotMs: [], detailMs: [] };
    const samples: Sample[] = [];
    let hashes = await newestHashes(url);
    let rows = hashes.length;
    let [part, olderPart] = [emptyReadings(), emptyReadings()];
    const beganMs = performance.now();
    for (let second = 1; second <= minutes * 60; second++) {
      await until(beganMs + second * 1_000);
      const isWarm = second > minutes * 60 * WARM_UP;
      const hash = hashes[Math.floor(Math.random() * hashes.length)] ?? "";
      const detailMs = await timeOf(`${url}/transactions/${hash}`, counts);
      part.detailMs.push(detailMs);
      if (isWarm) all.detailMs.push(detailMs);
      if (second % SNAPSHOT_SECONDS === 0) {
        const read = (address: string): Promise<readonly number[]> =>
          Promise.all(Array.from({ length: READERS }, () => timeOf(address, counts)));
        const times = await read(`${url}/dashboard/snapshot-v2?channels=${CHANNELS}`);
        part.snapshotMs.push(...times);
        if (isWarm) all.snapshotMs.push(...times);
        olderPart.snapshotMs.push(...(await read(`${olderUrl}/dashboard/snapshot`)));
      }
      if (second % SAMPLE_SECONDS !== 0) continue;
      const [stats, olderStats] = [
        await newer.ask<ServerStats>({ kind: "read" }),
        await older.ask<ServerStats>({ kind: "read" }),
      ];
      samples.push({
        minute: (performance.now() - beganMs) / 60_000,
        heapMb: stats.heapUsed / MB,
        rssMb: stats.rss / MB,
        cpuPercent: percentOf(stats.cpu),
        snapshotP99Ms: percentile(part.snapshotMs, 0.99),
        detailP99Ms: percentile(part.detailMs, 0.99),
        olderHeapMb: olderStats.heapUsed / MB,
        olderRssMb: olderStats.rss / MB,
        olderCpuPercent: percentOf(olderStats.cpu),
        olderSnapshotP99Ms: percentile(olderPart.snapshotMs, 0.99),
        ...(await probe?.sample()),
      });
      [part, olderPart] = [emptyReadings(), emptyReadings()];
      hashes = await newestHashes(url);
      rows = hashes.length;
    }
    closePages();
    return writeReport(out, {
      scenario: "mempool",
      minutes,
      titles: { ...TITLES, ...probe?.titles },
      samples,
      gates: [
        percentileGate(
          `snapshot of ${rows} rows, ${READERS} readers`,
          all.snapshotMs,
          0.99,
          SNAPSHOT_P99_MS,
        ),
        percentileGate("detail", all.detailMs, 0.99, DETAIL_P99_MS),
        slopeGate(samples, "heapMb", TITLES.heapMb, SLOPE_MB_PER_HOUR_MAX),
        ...(probe?.gates(samples) ?? []),
      ],
      pictures: [
        {
          file: "memory",
          title: "Memory",
          names: ["heapMb", "rssMb", "olderHeapMb", "olderRssMb"],
        },
        { file: "cpu", title: "CPU", names: ["cpuPercent", "olderCpuPercent"] },
        ...(probe?.pictures ?? []),
        {
          file: "latency",
          title: "Latency",
          names: ["snapshotP99Ms", "detailP99Ms", "olderSnapshotP99Ms"],
        },
      ],
      notes: [
        `${minutes} minutes at ${rate} transactions per second; ${counts.frames} frames to one page.`,
      ],
      failures: [
        ...(counts.errors > 0 ? [`${counts.errors} requests failed`] : []),
        ...(probe?.failures ?? []),
        ...(counts.missing > 0 ? [`${counts.missing} frames were missing`] : []),
      ],
    });
  } finally {
    await probe?.stop();
    await Promise.all([newer.stop(), older.stop()]);
  }
}

/** A page on each stream: what it is sent is read, and checked for gaps. */
async function openPages(
  url: string,
  olderUrl: string,
  counts: { frames: number; missing: number },
): Promise<() => void> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/dashboard/stream-v2`);
  const seqs = new Map<string, number>();
  socket.on("message", (data) => {
    const frame = JSON.parse(String(data)) as Readonly<Record<string, unknown>>;
    counts.frames++;
    const channel = String(frame["channel"]);
    const seq = seqs.get(channel);
    if (frame["type"] === "DELTA_BATCH" && seq !== undefined && Number(frame["prev_seq"]) > seq)
      counts.missing++;
    if (frame["type"] === "DELTA_BATCH" || frame["type"] === "SNAPSHOT")
      seqs.set(channel, Number(frame["seq"]));
  });
  await new Promise((resolve) => socket.once("open", resolve));
  socket.send(JSON.stringify({ op: "IDENTIFY", subscriptions: CHANNELS.split(",") }));
  const heartbeats = setInterval(() => socket.send('{"op":"HEARTBEAT"}'), HEARTBEAT_MS);
  const olderPage = request(`${olderUrl}/dashboard/stream`, (response) => response.resume());
  olderPage.on("error", () => {});
  olderPage.end();
  return () => {
    clearInterval(heartbeats);
    socket.close();
    olderPage.destroy();
  };
}

async function newestHashes(url: string): Promise<readonly string[]> {
  const response = await fetch(`${url}/dashboard/snapshot-v2?channels=tx.main`);
  const { channels } = (await response.json()) as {
    readonly channels: Readonly<Record<string, { readonly rows: readonly { hash: string }[] }>>;
  };
  return (channels["tx.main"]?.rows ?? []).map(({ hash }) => hash);
}

/** From the request to the last byte. */
function timeOf(url: string, counts: { errors: number }): Promise<number> {
  const beganMs = performance.now();
  return new Promise((resolve) => {
    const asked = request(url, (response) => {
      if (response.statusCode !== 200) counts.errors++;
      response.resume();
      response.once("end", () => resolve(performance.now() - beganMs));
    });
    asked.once("error", () => {
      counts.errors++;
      resolve(performance.now() - beganMs);
    });
    asked.end();
  });
}

function until(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs - performance.now()));
}

function emptyReadings(): Readings {
  return { snapshotMs: [], detailMs: [] };
}

function percentOf({ cpuMs, wallMs }: CpuUsage): number {
  return (cpuMs / wallMs) * 100;
}

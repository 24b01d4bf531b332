/**
 * The load of the mempool dashboard's soak on one server: a page that reads the stream, a snapshot
 * each 5 s by five readers, and a detail each second.
 */
import { request } from "node:http";
import { WebSocket } from "ws";
import { startChild, type Child, type CpuUsage } from "../support/child.ts";
import type { Reading } from "./mempool-reader.ts";
import { percentilesOf, type Sample } from "./report.ts";

/** The routes of the dashboard, or those of the older architecture. */
export type Routes = "newer" | "older";

/** What readers measured, in milliseconds. */
interface Readings {
  /** The newest transactions alone. */
  readonly listMs: number[];
  /** All channels, as a page begins. */
  readonly snapshotMs: number[];
  readonly detailMs: number[];
}

interface ServerStats {
  readonly heapUsed: number;
  readonly rss: number;
  readonly cpu: CpuUsage;
}

export const READERS = 5;
/** The servers do not share a core. What reads the older one stands beside it. */
const NEWER_CORE = 0;
export const OLDER_CORE = 1;
/** Of each ten: five readers of the list, and five of everything, apart from each other. */
const LIST_SECONDS = [2, 7];
const SNAPSHOT_SECONDS = [4, 9];
const SAMPLE_SECONDS = 10;
/**
 * As `npm run mempool` starts the server. Collections of young objects come more often and are
 * short, in place of 8 ms each.
 */
const YOUNG_SPACE = "--max-semi-space-size=4";
/** The share of the run after which figures count. */
const WARM_UP = 0.1;
/** Transactions, from which on the list of 2,000 changes too much within a sample. */
const FAST_PER_SECOND = 100;
const HEARTBEAT_MS = 10_000;
const MB = 1_048_576;
const CHANNELS = "tx.main,feature.main,feature_top,opportunity.main,chain.main,market.main";
const LIST = "/dashboard/snapshot-v2?channels=tx.main";

export class MempoolLoad {
  readonly url: string;
  /** Of the time after the warm-up. */
  readonly all: Readings = emptyReadings();
  readonly counts = { frames: 0, missing: 0, errors: 0 };
  /** Rows of the list at the last sample. */
  rows = 0;
  readonly #child: Child;
  readonly #reader: Child;
  readonly #routes: Routes;
  /** The list has others after a few seconds. */
  readonly #isFast: boolean;
  #part = emptyReadings();
  #hashes: readonly string[] = [];

  private constructor(
    { child, reader }: { readonly child: Child; readonly reader: Child },
    url: string,
    { routes, rate }: { readonly routes: Routes; readonly rate: number },
  ) {
    this.#child = child;
    this.#reader = reader;
    this.url = url;
    this.#routes = routes;
    this.#isFast = rate > FAST_PER_SECOND;
  }

  static async start(rate: number, routes: Routes): Promise<MempoolLoad> {
    const child = await startChild("../soak/mempool-server", [String(rate), routes], {
      nodeFlags: ["--expose-gc", YOUNG_SPACE],
      core: routes === "newer" ? NEWER_CORE : OLDER_CORE,
    });
    const reader = await startChild("../soak/mempool-reader");
    return new MempoolLoad({ child, reader }, await child.ask<string>({ kind: "url" }), {
      routes,
      rate,
    });
  }

  /** Calls back with a sample of each ten seconds. */
  async run(minutes: number, onSample: (sample: Sample) => Promise<void>): Promise<void> {
    const closePage = await this.#openPage();
    await this.#readHashes();
    const beganMs = performance.now();
    const seconds = minutes * 60;
    for (let second = 1; second <= seconds; second++) {
      await until(beganMs + second * 1_000);
      await this.#read(second, second > seconds * WARM_UP);
      if (second % SAMPLE_SECONDS !== 0) continue;
      await onSample(await this.#sample((performance.now() - beganMs) / 60_000));
    }
    closePage();
  }

  async stop(): Promise<void> {
    // It deletes its history.
    await this.#child.ask({ kind: "stop" });
    await Promise.all([this.#child.stop(), this.#reader.stop()]);
  }

  async #read(second: number, isWarm: boolean): Promise<void> {
    const take = (name: keyof Readings, times: readonly number[]): void => {
      this.#part[name].push(...times);
      if (isWarm) this.all[name].push(...times);
    };
    const isNewer = this.#routes === "newer";
    if (isNewer) {
      // Details are asked for of transactions that the list has.
      if (this.#isFast) await this.#readHashes();
      const hash = this.#hashes[Math.floor(Math.random() * this.#hashes.length)] ?? "";
      take("detailMs", await this.#timesOf(`/transactions/${hash}`, 1));
    }
    const part = second % SAMPLE_SECONDS;
    if (isNewer && LIST_SECONDS.includes(part)) take("listMs", await this.#timesOf(LIST));
    if (!SNAPSHOT_SECONDS.includes(part)) return;
    const whole = isNewer ? `/dashboard/snapshot-v2?channels=${CHANNELS}` : "/dashboard/snapshot";
    take("snapshotMs", await this.#timesOf(whole));
  }

  async #sample(minute: number): Promise<Sample> {
    const { heapUsed, rss, cpu } = await this.#child.ask<ServerStats>({ kind: "read" });
    const { listMs, snapshotMs, detailMs } = this.#part;
    this.#part = emptyReadings();
    await this.#readHashes();
    return {
      minute,
      heapMb: heapUsed / MB,
      rssMb: rss / MB,
      cpuPercent: (cpu.cpuMs / cpu.wallMs) * 100,
      ...percentilesOf(
        { listP99Ms: listMs, snapshotP99Ms: snapshotMs, detailP99Ms: detailMs },
        0.99,
      ),
    };
  }

  async #readHashes(): Promise<void> {
    if (this.#routes === "older") return;
    const response = await fetch(this.url + LIST);
    const { channels } = (await response.json()) as {
      readonly channels: Readonly<Record<string, { readonly rows: readonly { hash: string }[] }>>;
    };
    this.#hashes = (channels["tx.main"]?.rows ?? []).map(({ hash }) => hash);
    this.rows = this.#hashes.length;
  }

  async #timesOf(path: string, readers = READERS): Promise<readonly number[]> {
    const request = { kind: "read", url: this.url, path, readers };
    const { times, failed } = await this.#reader.ask<Reading>(request);
    this.counts.errors += failed;
    return times;
  }

  async #openPage(): Promise<() => void> {
    return this.#routes === "newer" ? this.#openNewerPage() : this.#openOlderPage();
  }

  /** What it is sent is checked for gaps. */
  async #openNewerPage(): Promise<() => void> {
    const socket = new WebSocket(`${this.url.replace("http", "ws")}/dashboard/stream-v2`);
    const seqs = new Map<string, number>();
    socket.on("message", (data) => {
      const frame = JSON.parse(String(data)) as Readonly<Record<string, unknown>>;
      this.counts.frames++;
      const channel = String(frame["channel"]);
      const seq = seqs.get(channel);
      if (frame["type"] === "DELTA_BATCH" && seq !== undefined && Number(frame["prev_seq"]) > seq)
        this.counts.missing++;
      if (frame["type"] === "DELTA_BATCH" || frame["type"] === "SNAPSHOT")
        seqs.set(channel, Number(frame["seq"]));
    });
    await new Promise((resolve) => socket.once("open", resolve));
    socket.send(JSON.stringify({ op: "IDENTIFY", subscriptions: CHANNELS.split(",") }));
    const heartbeats = setInterval(() => socket.send('{"op":"HEARTBEAT"}'), HEARTBEAT_MS);
    return () => {
      clearInterval(heartbeats);
      socket.close();
    };
  }

  #openOlderPage(): () => void {
    const page = request(`${this.url}/dashboard/stream`, (response) => response.resume());
    page.on("error", () => {});
    page.end();
    return () => page.destroy();
  }
}

function emptyReadings(): Readings {
  return { listMs: [], snapshotMs: [], detailMs: [] };
}

function until(timeMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, timeMs - performance.now()));
}

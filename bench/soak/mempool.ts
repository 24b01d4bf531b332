/**
 * The soak of the mempool dashboard: its server under constant load, with its page in Chromium, and
 * the older architecture under the same load, beside it or after it.
 */
import { messageOf } from "../../src/std/errors.ts";
import { startChild } from "../support/child.ts";
import { MempoolLoad, OLDER_CORE, READERS } from "./mempool-load.ts";
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
  /**
   * The older server runs at the same time, or afterwards for some minutes: at high rates it takes
   * the processor from the other.
   */
  readonly baseline: "beside" | "after";
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

/** Of an older server that runs afterwards, at most. */
const OLDER_MINUTES = 3;
/** Of the list's 2,000 rows. */
const LIST_P99_MS = 10;
/** Of a snapshot of all channels: the targets of the older version. */
const SNAPSHOT_P95_MS = 120;
const SNAPSHOT_P99_MS = 250;
const DETAIL_P99_MS = 10;
const SLOPE_MB_PER_HOUR_MAX = 10;

const TITLES = {
  heapMb: "server heap after collection, MB",
  rssMb: "server RSS, MB",
  cpuPercent: "server CPU, % of a core",
  listP99Ms: "snapshot of the list, p99, ms",
  snapshotP99Ms: "snapshot of all channels, p99, ms",
  detailP99Ms: "detail, p99, ms",
  olderHeapMb: "older: server heap after collection, MB",
  olderRssMb: "older: server RSS, MB",
  olderCpuPercent: "older: server CPU, % of a core",
  olderSnapshotP99Ms: "older: snapshot of all channels, p99, ms",
} as const;

const PICTURES: Report["pictures"] = [
  { file: "memory", title: "Memory", names: ["heapMb", "rssMb", "olderHeapMb", "olderRssMb"] },
  { file: "cpu", title: "CPU", names: ["cpuPercent", "olderCpuPercent"] },
  {
    file: "latency",
    title: "Latency",
    names: ["listP99Ms", "snapshotP99Ms", "detailP99Ms", "olderSnapshotP99Ms"],
  },
];

export async function soakMempool(options: MempoolSoak): Promise<boolean> {
  const { minutes, out, rate, baseline, probe } = options;
  const newer: Sample[] = [];
  const beside = baseline === "beside" ? runOlder(rate, minutes) : undefined;
  const load = await MempoolLoad.start(rate, "newer");
  try {
    await probe?.start(load.url);
    await load.run(minutes, async (sample) => {
      newer.push({ ...sample, ...(await probe?.sample()) });
    });
  } finally {
    await probe?.stop();
    await load.stop();
  }
  const older = await (beside ?? runOlder(rate, Math.min(minutes, OLDER_MINUTES)));
  const samples = newer.map((sample, index) => withOlder(sample, older.samples[index]));
  const { all, counts, rows } = load;
  return writeReport(out, {
    scenario: "mempool",
    minutes,
    titles: { ...TITLES, ...probe?.titles },
    samples,
    gates: [
      percentileGate(`snapshot of ${rows} rows, ${READERS} readers`, all.listMs, 0.99, LIST_P99_MS),
      percentileGate("snapshot of all channels", all.snapshotMs, 0.95, SNAPSHOT_P95_MS),
      percentileGate("snapshot of all channels", all.snapshotMs, 0.99, SNAPSHOT_P99_MS),
      percentileGate("detail", all.detailMs, 0.99, DETAIL_P99_MS),
      slopeGate(samples, "heapMb", TITLES.heapMb, SLOPE_MB_PER_HOUR_MAX),
      ...(probe?.gates(samples) ?? []),
    ],
    pictures: [...PICTURES, ...(probe?.pictures ?? [])],
    notes: [
      `${minutes} minutes at ${rate} transactions per second; ${counts.frames} frames to one page. The older architecture ran ${baseline === "beside" ? "beside it" : "after it"}.`,
    ],
    failures: [
      ...(counts.errors > 0 ? [`${counts.errors} requests failed`] : []),
      ...(probe?.failures ?? []),
      ...(older.failure === undefined ? [] : [`the older architecture: ${older.failure}`]),
      ...(counts.missing > 0 ? [`${counts.missing} frames were missing`] : []),
    ],
  });
}

interface OlderRun {
  readonly samples: readonly Sample[];
  /** Why there are none. What was measured of the newer server is reported all the same. */
  readonly failure?: string;
}

async function runOlder(rate: number, minutes: number): Promise<OlderRun> {
  const child = await startChild("../soak/mempool-older", [String(rate)], { core: OLDER_CORE });
  try {
    return { samples: await child.ask<readonly Sample[]>({ kind: "run", minutes }) };
  } catch (error) {
    return { samples: [], failure: messageOf(error) };
  } finally {
    await child.stop();
  }
}

function withOlder(sample: Sample, older: Sample | undefined): Sample {
  return {
    ...sample,
    ...(older && {
      olderHeapMb: older["heapMb"] ?? 0,
      olderRssMb: older["rssMb"] ?? 0,
      olderCpuPercent: older["cpuPercent"] ?? 0,
      olderSnapshotP99Ms: older["snapshotP99Ms"] ?? 0,
    }),
  };
}

/**
 * `tidemark shadow`: compares two snapshot routes on one feed for some minutes, and writes a
 * report. Both sides are read at once each interval; while differences wait for their verdict, more
 * often. `shadow/suspicions.ts` has the rule by which a difference is real.
 */
import { writeFileSync } from "node:fs";
import { delay, systemClock, type Clock } from "../std/clock.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import { ChannelComparison, type DifferenceExample } from "./shadow/channel-comparison.ts";
import type { ChannelPair } from "./shadow/channel-pairs.ts";
import { exampleLine, faultsOf, REPORT_KIND, tableOf, type ShadowReport } from "./shadow/report.ts";
import { SideReader } from "./shadow/side-reader.ts";
import type { Side } from "./shadow/snapshot.ts";
import { SAMPLES_MAX, SETTLE_SAMPLES_MIN } from "./shadow/suspicions.ts";

export interface ShadowOptions {
  readonly left: string;
  readonly right: string;
  readonly pairs: readonly ChannelPair[];
  readonly minutes: number;
  readonly intervalMs: number;
  /** How long a difference must stand to be real: the most that one side may be behind. */
  readonly settleMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Where the report is written. */
  readonly report: string | undefined;
  /** Ends the run before its time. */
  readonly signal: AbortSignal;
  readonly print: (line: string) => void;
}

/** Samples of one settle; some more than the rule needs, as a timer may be early. */
const SETTLE_STEPS = SETTLE_SAMPLES_MIN + 2;

/** Returns the exit code of the process: 0 when everything was compared and nothing differs. */
export async function shadow(options: ShadowOptions): Promise<number> {
  const { report: file, print, minutes, pairs } = options;
  // The file is tried before the run, not after an hour.
  if (file !== undefined) write(file, "");
  print(`Comparing ${pairs.length} channels for ${minutes} minutes; Ctrl C ends with a report.`);
  const report = await new ShadowRun(options).run();
  if (file !== undefined) write(file, `${JSON.stringify(report, undefined, 2)}\n`);
  print(`\n${tableOf(report)}\n`);
  const faults = faultsOf(report);
  for (const fault of faults) print(`FAIL ${fault}`);
  if (faults.length === 0) print(`No differing keys in ${report.rounds} rounds.`);
  return faults.length === 0 ? 0 : 1;
}

class ShadowRun {
  readonly #options: ShadowOptions;
  readonly #clock: Clock = systemClock;
  readonly #channels: ReadonlyMap<string, ChannelComparison>;
  readonly #left: SideReader;
  readonly #right: SideReader;
  #rounds = 0;

  constructor(options: ShadowOptions) {
    this.#options = options;
    const { pairs, settleMs, print } = options;
    this.#channels = new Map(
      pairs.map((pair) => {
        const onExample = (example: DifferenceExample): void =>
          print(exampleLine(pair.left, example));
        return [pair.left, new ChannelComparison({ pair, settleMs, onExample })];
      }),
    );
    this.#left = this.#reader("left");
    this.#right = this.#reader("right");
  }

  async run(): Promise<ShadowReport> {
    const { left, right, minutes, intervalMs, signal } = this.#options;
    const began = new Date(this.#clock.now()).toISOString();
    const startMs = this.#clock.monotonic();
    const passedMs = (): number => this.#clock.monotonic() - startMs;
    const endMs = minutes * 60_000;
    while (!signal.aborted) {
      const nextMs = passedMs() + intervalMs;
      if (await this.#sample()) this.#countRound();
      await this.#settle(SETTLE_STEPS);
      if (nextMs >= endMs) break;
      await this.#pause(nextMs - passedMs());
    }
    for (const comparison of this.#channels.values()) comparison.close();
    await this.#settle(SAMPLES_MAX);
    return {
      kind: REPORT_KIND,
      left: publicPart(left),
      right: publicPart(right),
      began,
      minutes: Number((passedMs() / 60_000).toFixed(2)),
      interrupted: signal.aborted,
      rounds: this.#rounds,
      errors: { left: this.#left.errors, right: this.#right.errors },
      channels: Array.from(this.#channels.values(), ({ report }) => report),
    };
  }

  /** Reads more often while differences wait, which are decided by what follows. */
  async #settle(stepsMax: number): Promise<void> {
    const { settleMs, signal } = this.#options;
    const isWaiting = (): boolean =>
      [...this.#channels.values()].some(({ waiting }) => waiting > 0);
    for (let step = 0; step < stepsMax && isWaiting() && !signal.aborted; step++) {
      await this.#pause(settleMs / SETTLE_SAMPLES_MIN);
      if (!signal.aborted) await this.#sample();
    }
  }

  /** Reads both sides at once; false where one has nothing to compare. */
  async #sample(): Promise<boolean> {
    const { signal } = this.#options;
    const [left, right] = await Promise.all([this.#left.read(signal), this.#right.read(signal)]);
    if (left === undefined || right === undefined) return false;
    const nowMs = this.#clock.monotonic();
    for (const [name, comparison] of this.#channels) {
      const [leftChannel, rightChannel] = [left.channels.get(name), right.channels.get(name)];
      if (leftChannel === undefined || rightChannel === undefined) continue;
      comparison.observe(leftChannel, rightChannel, nowMs);
      const haveOwn = leftChannel.seq !== undefined && rightChannel.seq !== undefined;
      if (haveOwn) comparison.observeSeqs(leftChannel.seq, rightChannel.seq);
      else comparison.observeSeqs(left.seq, right.seq);
    }
    return true;
  }

  #countRound(): void {
    this.#rounds++;
    for (const comparison of this.#channels.values()) comparison.countRound();
  }

  #reader(side: Side): SideReader {
    const { [side]: url, pairs, headers, timeoutMs, print } = this.#options;
    const onError = (text: string): void => print(`${side}: ${text}`);
    return new SideReader({ side, url, pairs, headers, timeoutMs, onError });
  }

  #pause(ms: number): Promise<unknown> {
    const { signal } = this.#options;
    if (ms <= 0 || signal.aborted) return Promise.resolve();
    let cancel = (): void => {};
    const aborted = new Promise<void>((resolve) => {
      const onAbort = (): void => resolve();
      signal.addEventListener("abort", onAbort, { once: true });
      cancel = () => signal.removeEventListener("abort", onAbort);
    });
    return Promise.race([delay(this.#clock, ms), aborted]).finally(cancel);
  }
}

/** An address without credentials. */
function publicPart(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (cause) {
    throw new TidemarkError("BAD_OPTION", `The report can't be written: ${messageOf(cause)}`, {
      cause,
    });
  }
}

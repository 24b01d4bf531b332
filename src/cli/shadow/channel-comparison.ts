/**
 * What `tidemark shadow` finds about one channel: rows on one side only, rows with other values,
 * numbers of rows that differ, and how far the seqs are apart.
 */
import type { ChannelPair } from "./channel-pairs.ts";
import type { ChannelRows } from "./snapshot.ts";
import { Suspicions } from "./suspicions.ts";

export type DifferenceKind = "missing left" | "missing right" | "differing value";

export interface DifferenceExample {
  readonly key: unknown;
  readonly kind: DifferenceKind;
  /** The columns that differ, as JSON on each side. */
  readonly columns?: Readonly<Record<string, { readonly left: string; readonly right: string }>>;
}

export interface ChannelReport {
  readonly left: string;
  readonly right: string;
  readonly key: readonly string[];
  readonly ignored: readonly string[];
  readonly approximate: readonly string[];
  /** Of which both sides had the channel. */
  readonly rounds: number;
  /** Of the last sample. */
  readonly rows: { readonly left: number; readonly right: number };
  readonly missing_left: number;
  readonly missing_right: number;
  readonly differing_values: number;
  /** All of the three. */
  readonly differing_keys: number;
  /** The numbers of rows, where they differ for long, though perhaps no single row does. */
  readonly differing_counts: { readonly left: number; readonly right: number } | null;
  /** Without a verdict when the run ended. */
  readonly undecided: number;
  /** Differences that went away by themselves, and the longest that one of them took. */
  readonly settled: { readonly count: number; readonly ms_max: number };
  readonly examples: readonly DifferenceExample[];
  /** The left's seq less the right's; null where a side has none. */
  readonly seq_drift: { readonly min: number; readonly max: number; readonly last: number } | null;
}

const EXAMPLES_MAX = 5;
/** Keys that are found and remembered; a channel with more is compared no further. */
const KEYS_MAX = 10_000;
const VALUE_CHARS_MAX = 200;
/** Of approximate columns: what floating-point sums in another order differ by is far less. */
const NEAR_SHARE = 1e-9;
const COUNT = "count";

export interface ChannelComparisonOptions {
  readonly pair: ChannelPair;
  /** How long a difference must stand to be real. */
  readonly settleMs: number;
  /** Called with the first few differences, when they are found. */
  readonly onExample?: (example: DifferenceExample) => void;
}

export class ChannelComparison {
  readonly #pair: ChannelPair;
  readonly #keys: Suspicions;
  readonly #counts: Suspicions;
  readonly #found = new Map<string, DifferenceKind>();
  readonly #onExample: (example: DifferenceExample) => void;
  readonly #examples: DifferenceExample[] = [];
  #isClosing = false;
  #differingCounts: ChannelReport["differing_counts"] = null;
  #rounds = 0;
  #rows = { left: 0, right: 0 };
  #settled = 0;
  #settledMsMax = 0;
  #drift: ChannelReport["seq_drift"] = null;

  constructor({ pair, settleMs, onExample = () => {} }: ChannelComparisonOptions) {
    this.#pair = pair;
    this.#onExample = onExample;
    this.#keys = new Suspicions(settleMs);
    this.#counts = new Suspicions(settleMs);
  }

  /** How many differences wait for their verdict. */
  get waiting(): number {
    return this.#keys.size + this.#counts.size;
  }

  /** From now on only those are observed that wait for their verdict. */
  close(): void {
    this.#isClosing = true;
  }

  countRound(): void {
    this.#rounds++;
  }

  observe(left: ChannelRows, right: ChannelRows, nowMs: number): void {
    this.#rows = { left: left.rows.size, right: right.rows.size };
    const keys = this.#isClosing
      ? [...this.#keys.keys]
      : new Set([...left.rows.keys(), ...right.rows.keys(), ...this.#keys.keys]);
    for (const key of keys) {
      if (this.#found.has(key) || this.#found.size >= KEYS_MAX) continue;
      const [leftRow, rightRow] = [left.rows.get(key), right.rows.get(key)];
      const isSame = areSame(leftRow, rightRow, this.#pair.approximate);
      const verdict = this.#keys.observe({ key, left: leftRow, right: rightRow, isSame, nowMs });
      if (verdict.kind === "real") this.#find(key, leftRow, rightRow);
      if (verdict.kind === "settled") this.#settle(verdict.afterMs);
    }
    this.#observeCounts(nowMs);
  }

  observeSeqs(left: number | undefined, right: number | undefined): void {
    if (left === undefined || right === undefined) return;
    const last = left - right;
    const { min, max } = this.#drift ?? { min: last, max: last };
    this.#drift = { min: Math.min(min, last), max: Math.max(max, last), last };
  }

  get report(): ChannelReport {
    const { left, right, key, ignored, approximate } = this.#pair;
    const count = (kind: DifferenceKind): number =>
      [...this.#found.values()].filter((each) => each === kind).length;
    return {
      left,
      right,
      key,
      ignored,
      approximate,
      rounds: this.#rounds,
      rows: this.#rows,
      missing_left: count("missing left"),
      missing_right: count("missing right"),
      differing_values: count("differing value"),
      differing_keys: this.#found.size,
      differing_counts: this.#differingCounts,
      undecided: this.waiting,
      settled: { count: this.#settled, ms_max: Math.round(this.#settledMsMax) },
      examples: this.#examples,
      seq_drift: this.#drift,
    };
  }

  /** A side that drops each row early differs in the number of its rows only. */
  #observeCounts(nowMs: number): void {
    if (this.#differingCounts !== null || (this.#isClosing && this.#counts.size === 0)) return;
    const { left, right } = this.#rows;
    const counts = { left: String(left), right: String(right) };
    const verdict = this.#counts.observe({ key: COUNT, ...counts, nowMs });
    if (verdict.kind === "real") this.#differingCounts = this.#rows;
  }

  #find(key: string, left: string | undefined, right: string | undefined): void {
    const kind =
      left === undefined
        ? "missing left"
        : right === undefined
          ? "missing right"
          : "differing value";
    this.#found.set(key, kind);
    if (this.#examples.length >= EXAMPLES_MAX) return;
    const columns =
      left === undefined || right === undefined ? {} : { columns: differingColumns(left, right) };
    const example: DifferenceExample = { key: JSON.parse(key), kind, ...columns };
    this.#examples.push(example);
    this.#onExample(example);
  }

  #settle(afterMs: number): void {
    this.#settled++;
    this.#settledMsMax = Math.max(this.#settledMsMax, afterMs);
  }
}

type Columns = NonNullable<DifferenceExample["columns"]>;
type Fields = Readonly<Record<string, unknown>>;

function areSame(
  left: string | undefined,
  right: string | undefined,
  approximate: readonly string[],
): boolean {
  if (left === right) return true;
  if (left === undefined || right === undefined || approximate.length === 0) return false;
  return differing(left, right).every(
    ([name, leftValue, rightValue]) => approximate.includes(name) && areNear(leftValue, rightValue),
  );
}

function areNear(left: unknown, right: unknown): boolean {
  if (typeof left !== "number" || typeof right !== "number") return false;
  return Math.abs(left - right) <= NEAR_SHARE * Math.max(Math.abs(left), Math.abs(right));
}

/** The columns in which two rows differ, with their values. */
function differing(left: string, right: string): readonly (readonly [string, unknown, unknown])[] {
  const leftRow = JSON.parse(left) as Fields;
  const rightRow = JSON.parse(right) as Fields;
  const names = new Set([...Object.keys(leftRow), ...Object.keys(rightRow)]);
  return [...names]
    .filter((name) => JSON.stringify(leftRow[name]) !== JSON.stringify(rightRow[name]))
    .map((name) => [name, leftRow[name], rightRow[name]] as const);
}

function differingColumns(left: string, right: string): Columns {
  const shown = (value: unknown): string =>
    (JSON.stringify(value) ?? "absent").slice(0, VALUE_CHARS_MAX);
  return Object.fromEntries(
    differing(left, right).map(([name, leftValue, rightValue]) => [
      name,
      { left: shown(leftValue), right: shown(rightValue) },
    ]),
  );
}

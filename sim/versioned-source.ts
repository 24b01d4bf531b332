/**
 * A source of the simulation: a table that changes by itself and keeps all its versions, and the
 * reader that a node runs while it believes that it leads. The reader starts at the source position
 * in the log, and stops when another reader has appended. The log's rows are compared with the
 * versions.
 */
import { TidemarkError } from "../src/std/errors.ts";
import type { Random } from "../src/std/random.ts";
import { declareChannel, type ChannelDeclaration } from "../src/log/channel.ts";
import type { ChannelChange, SourceStatus } from "../src/log/log.ts";
import type { Row } from "../src/protocol/row.ts";
import type { SourceContext } from "../src/sources/source.ts";
import type { FaultCounts } from "./faults.ts";
import type { ActorClock } from "./scheduler.ts";
import { columns, rowsOf } from "./workload.ts";

export const VERSIONED_SOURCE = "versioned source";
export const STOCK = "stock";

/** The declaration, with one of two bounds, so that the channel can be declared anew. */
export function stockDeclaration(isLarge: boolean): ChannelDeclaration {
  return declareChannel({
    name: STOCK,
    key: ["id"],
    columns,
    bounds: { tombstonesMax: isLarge ? 20 : 15 },
  });
}

interface Version {
  readonly rows: ReadonlyMap<string, Row>;
  /** The keys that changed in this version. */
  readonly changed: readonly string[];
}

export class VersionedSource {
  readonly #random: Random;
  readonly #versions: Version[] = [{ rows: new Map(), changed: [] }];
  isReachable = true;
  isLarge = true;

  constructor(random: Random) {
    this.#random = random;
  }

  get version(): number {
    return this.#versions.length - 1;
  }

  rowsAt(version: number): ReadonlyMap<string, Row> | undefined {
    return this.#versions[version]?.rows;
  }

  change(): void {
    const rows = new Map(this.rowsAt(this.version));
    const changed = new Set<string>();
    for (const { key, row } of rowsOf(this.#random, 1 + Math.floor(this.#random.next() * 4), 40)) {
      rows.set(key, row);
      changed.add(key);
    }
    if (this.#random.next() < 0.4) {
      const key = `k${Math.floor(this.#random.next() * 40)}`;
      rows.delete(key);
      changed.add(key);
    }
    this.#versions.push({ rows, changed: [...changed] });
  }

  /** The changes after a version; all rows when there is none. */
  changesAfter(version: number | undefined): ChannelChange {
    const { rows } = this.#versions[this.version] as Version;
    if (version === undefined)
      return {
        channel: STOCK,
        upserts: Array.from(rows, ([key, row]) => ({ key, row })),
        removes: [],
        reload: true,
      };
    const keys = [...new Set(this.#versions.slice(version + 1).flatMap(({ changed }) => changed))];
    return {
      channel: STOCK,
      upserts: keys.flatMap((key) => (rows.has(key) ? [{ key, row: rows.get(key) as Row }] : [])),
      removes: keys.filter((key) => !rows.has(key)),
    };
  }
}

export interface VersionedSourceReaderOptions {
  readonly versionedSource: VersionedSource;
  readonly clock: ActorClock;
  readonly random: Random;
  readonly faults: FaultCounts;
  readonly context: SourceContext;
  /** The source's time in Unix milliseconds. */
  readonly nowMs: () => number;
}

export class VersionedSourceReader {
  readonly #options: VersionedSourceReaderOptions;
  #isStale = true;
  #isDeclared = false;
  isLeading = true;

  constructor(options: VersionedSourceReaderOptions) {
    this.#options = options;
    void this.#step();
  }

  /** Declares the channel anew, with the other bound, in the next step. */
  declareAnew(): void {
    this.#isDeclared = false;
    this.#options.versionedSource.isLarge = !this.#options.versionedSource.isLarge;
  }

  stop(): void {
    this.isLeading = false;
  }

  async #step(): Promise<void> {
    if (!this.isLeading) return;
    const { clock, random, faults } = this.#options;
    try {
      await this.#append();
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      if (error.code === "SUPERSEDED") faults.happens("a second leader is refused");
      this.isLeading = false;
      return;
    }
    clock.after(8 + random.next() * 60, () => void this.#step());
  }

  async #append(): Promise<void> {
    const { versionedSource, context, nowMs } = this.#options;
    const { sourcePosition } = context;
    if (!versionedSource.isReachable) {
      if (this.#isStale) return;
      this.#isStale = true;
      await context.append({
        changes: [],
        status: [{ status: { status: "stale", reason: "the source does not answer" } }],
      });
      return;
    }
    const status: SourceStatus = { status: "live" };
    const isNew = !this.#isDeclared;
    // All is read before the first wait, so that it is from one version.
    const change = versionedSource.changesAfter(
      isNew || sourcePosition === undefined ? undefined : Number(sourcePosition),
    );
    const version = String(versionedSource.version);
    const asOfMs = nowMs();
    this.#isDeclared = true;
    this.#isStale = false;
    // The commit takes time to reach the log; another leader may be faster.
    await new Promise<void>((resolve) =>
      this.#options.clock.after(this.#options.random.next() * 25, resolve),
    );
    await context.append({
      changes: [change],
      sourcePosition: version,
      asOfMs,
      status: [{ status }],
      ...(isNew && { declares: [stockDeclaration(versionedSource.isLarge)] }),
    });
  }
}

/** A table in this process, and a source that polls it: the smallest correct source. */
import type { Cancel } from "../../src/std/clock.ts";
import { declareChannel } from "../../src/log/channel.ts";
import { type Source, type SourceContext, TidemarkError } from "../../src/index.ts";

const AS_OF_STEP_MS = 1_000;
const LOOK_MS = 5;

/** Keeps the changes of each version. */
export class ScriptedTable {
  readonly rows = new Map<string, string>();
  readonly #changed: (readonly string[])[] = [];
  isReachable = true;

  get version(): number {
    return this.#changed.length;
  }

  set(rows: Readonly<Record<string, string>>): void {
    for (const [id, value] of Object.entries(rows)) this.rows.set(id, value);
    this.#changed.push(Object.keys(rows));
  }

  remove(id: string): void {
    this.rows.delete(id);
    this.#changed.push([id]);
  }

  changedSince(version: number): ReadonlySet<string> {
    return new Set(this.#changed.slice(version).flat());
  }
}

export interface ScriptedOptions {
  readonly name?: string;
  /** Polls only while a view is subscribed. */
  readonly isPausing?: boolean;
}

export class ScriptedSource implements Source {
  readonly name: string;
  readonly #table: ScriptedTable;
  readonly #isPausing: boolean;
  #context: SourceContext | undefined;
  #next: Cancel | undefined;
  #stopWatching: Cancel | undefined;
  #looking: Promise<void> | undefined;
  #asOfMs = 0;
  #isStale = true;
  #isStopped = false;
  looks = 0;

  constructor(
    table: ScriptedTable,
    { name = "scripted", isPausing = false }: ScriptedOptions = {},
  ) {
    this.name = name;
    this.#table = table;
    this.#isPausing = isPausing;
  }

  async start(context: SourceContext): Promise<void> {
    this.#context = context;
    await context.append({
      changes: [],
      declares: [
        declareChannel({
          name: "items",
          key: ["id"],
          columns: [
            { name: "id", type: "text" },
            { name: "value", type: "text" },
          ],
        }),
      ],
    });
    await this.#look();
    this.#stopWatching = context.interest.onChange(() => this.#schedule());
    this.#schedule();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#next?.();
    this.#stopWatching?.();
    await this.#looking?.catch(() => {});
  }

  #schedule(): void {
    const context = this.#context;
    this.#next?.();
    if (
      context === undefined ||
      this.#isStopped ||
      (this.#isPausing && context.interest.views.length === 0)
    )
      return;
    this.#next = context.clock.after(LOOK_MS, () => {
      this.#looking = this.#look()
        .catch((error: unknown) => {
          // Another leader appends for this source. After any other error the next poll tries
          // again.
          if (error instanceof TidemarkError && error.code === "SUPERSEDED") this.#isStopped = true;
        })
        .finally(() => this.#schedule());
    });
  }

  async #look(): Promise<void> {
    const context = this.#context;
    if (context === undefined || this.#isStopped) return;
    this.looks++;
    if (!this.#table.isReachable) {
      if (!this.#isStale)
        await context.append({
          changes: [],
          status: [{ status: { status: "stale", reason: "the table can't be reached" } }],
        });
      this.#isStale = true;
      return;
    }
    const asOfMs = context.clock.now();
    const { version, rows } = this.#table;
    const isFirst = context.sourcePosition === undefined;
    const keys = isFirst
      ? [...rows.keys()]
      : [...this.#table.changedSince(Number(context.sourcePosition))];
    if (keys.length === 0 && !isFirst && !this.#isStale && asOfMs - this.#asOfMs < AS_OF_STEP_MS)
      return;
    const upserts = keys.flatMap((id) =>
      rows.has(id) ? [{ key: id, row: { id, value: rows.get(id) ?? "" } }] : [],
    );
    const changes = [
      {
        channel: "items",
        upserts,
        removes: keys.filter((id) => !rows.has(id)),
        ...(isFirst && { reload: true as const }),
      },
    ];
    await context.append({
      changes,
      sourcePosition: String(version),
      asOfMs,
      ...(this.#isStale && { status: [{ status: { status: "live" as const } }] }),
    });
    this.#isStale = false;
    this.#asOfMs = asOfMs;
  }
}

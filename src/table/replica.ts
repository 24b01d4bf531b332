/**
 * All live tables and views of one node, at one seq. It applies commits in the order of the log
 * and knows what changed since the last cut; it knows nothing of clients.
 */
import { assert } from "../std/assert.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Commit } from "../log/log.ts";
import type { Query, Where } from "../protocol/query.ts";
import type { ChannelDeclaration } from "./channel.ts";
import { VIEW_LIMITS, type ViewLimits } from "./limits.ts";
import { LiveTable } from "./live-table.ts";
import { ViewSet, type ViewPool } from "./view-set.ts";
import type { View } from "./view.ts";

interface Channel {
  readonly table: LiveTable;
  readonly views: ViewSet;
}

export class Replica {
  readonly #channels = new Map<string, Channel>();
  readonly #pool: ViewPool;
  /** Where each source stood after its last commit that said so. */
  readonly #positions = new Map<string, string>();
  #seq = 0;
  #timeMs = 0;

  constructor(limits: Partial<ViewLimits> = {}) {
    this.#pool = { limits: { ...VIEW_LIMITS, ...limits }, dirty: new Set(), views: 0, entries: 0, dropIdle: () => this.sweep(Number.POSITIVE_INFINITY, 0) };
  }

  /** The seq of the last commit applied: every table and view is as of it. */
  get seq(): number {
    return this.#seq;
  }

  /** That commit's time. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** Where a source stands as of this position, in its own words. */
  positionOf(source: string): string | undefined {
    return this.#positions.get(source);
  }

  get viewCount(): number {
    return this.#pool.views;
  }

  get viewEntries(): number {
    return this.#pool.entries;
  }

  /** Views of one channel, the bare channel not counted. */
  viewsOf(name: string): number {
    return this.#channels.get(name)?.views.size ?? 0;
  }

  get tables(): Iterable<LiveTable> {
    return [...this.#channels.values()].map(({ table }) => table);
  }

  declare(channel: ChannelDeclaration): LiveTable {
    assert(!this.#channels.has(channel.name), `channel "${channel.name}" is declared once`);
    const table = new LiveTable(channel, this.#seq);
    this.#channels.set(channel.name, { table, views: new ViewSet(table, this.#pool) });
    return table;
  }

  table(name: string): LiveTable | undefined {
    return this.#channels.get(name)?.table;
  }

  /** Applies the next commit of the log. Changes to channels that are not declared are passed over. */
  apply(commit: Commit): void {
    assert(commit.seq === this.#seq + 1, `commit ${commit.seq} after ${this.#seq}`);
    this.#seq = commit.seq;
    this.#timeMs = commit.timeMs;
    if (commit.source !== undefined && commit.position !== undefined) this.#positions.set(commit.source, commit.position);
    for (const change of commit.changes) {
      const channel = this.#channels.get(change.channel);
      if (channel === undefined) continue;
      channel.views.apply(channel.table.apply(change, commit), commit);
    }
    for (const { table, views } of this.#channels.values()) views.apply(table.evict(commit), commit);
  }

  /** The views that changed since this was last called. */
  takeDirty(): readonly View[] {
    const dirty = [...this.#pool.dirty];
    this.#pool.dirty.clear();
    return dirty;
  }

  /** The id of the view that `acquire` would return. @throws TidemarkError `UNKNOWN_CHANNEL` */
  viewIdOf(query: Query, policy: Where | undefined): string {
    return this.#require(query.channel).views.idOf(query, policy);
  }

  /** @throws TidemarkError `UNKNOWN_CHANNEL`, and what `ViewSet.acquire` throws */
  acquire(query: Query, policy: Where | undefined): View {
    return this.#require(query.channel).views.acquire(query, policy, { seq: this.#seq, timeMs: this.#timeMs });
  }

  release(view: View, nowMs: number): void {
    this.#require(view.channel).views.release(view, nowMs);
  }

  sweep(nowMs: number, lingerMs?: number): void {
    for (const { views } of this.#channels.values()) views.sweep(nowMs, lingerMs);
  }

  #require(name: string): Channel {
    const channel = this.#channels.get(name);
    if (channel !== undefined) return channel;
    throw new TidemarkError("UNKNOWN_CHANNEL", `There is no channel "${name}" here.`);
  }
}

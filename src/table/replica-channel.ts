/**
 * One channel of a replica: its table, its views and its state. A failure of its rows or views
 * affects this channel alone; only a broken invariant stops the server.
 */
import { InvariantError } from "../std/assert.ts";
import { messageOf } from "../std/errors.ts";
import type { ChannelChange, Commit } from "../log/log.ts";
import type { ChannelState } from "./channel-state.ts";
import type { Following } from "./following.ts";
import type { LiveTable, RowChange } from "./live-table.ts";
import type { View } from "./view.ts";
import type { ViewNaming } from "./view-id.ts";
import type { ViewPool } from "./view-pool.ts";
import { ViewSet } from "./view-set.ts";

/** What the channels of a replica share. */
export interface SharedParts {
  readonly pool: ViewPool;
  readonly following: Following;
  /** Views that have ended with their channels. */
  readonly gone: View[];
  /** Channels whose states have changed. */
  readonly told: Set<string>;
}

export interface ReplicaChannelOptions {
  readonly table: LiveTable;
  readonly state: ChannelState;
  readonly naming: ViewNaming;
  /** For a table of this node alone, which is not in the log: its count of changes. */
  readonly own: { seq: number; timeMs: number } | undefined;
}

export class ReplicaChannel {
  readonly table: LiveTable;
  readonly own: ReplicaChannelOptions["own"];
  /** The channel's state from the log. */
  state: ChannelState;
  /** A commit could not be applied: later ones are skipped until the channel is loaded anew. */
  broken: ChannelState | undefined;
  readonly #shared: SharedParts;
  readonly #naming: ViewNaming;
  #views: ViewSet;

  constructor(shared: SharedParts, { table, state, naming, own }: ReplicaChannelOptions) {
    this.table = table;
    this.own = own;
    this.state = state;
    this.#shared = shared;
    this.#naming = naming;
    this.#views = new ViewSet(table, shared.pool, naming);
    shared.told.add(table.channel.name);
  }

  get views(): ViewSet {
    return this.#views;
  }

  /** Applies a change of a commit; the views follow. */
  apply(change: ChannelChange, commit: Commit): void {
    if (this.broken !== undefined && change.reload !== true) return;
    const endsRowsOutside = change.reload === true && this.table.hasRowsOutside;
    this.#change(commit, () => this.table.apply(change, commit));
    // Their keys are not known here.
    if (endsRowsOutside) this.#beginViews();
  }

  /** Evicts as of a commit; the views follow. `durableSeq` is the history store's. */
  evict(commit: Commit, durableSeq: number): void {
    if (this.broken === undefined) this.#change(commit, () => this.table.evict(commit, durableSeq));
  }

  /** Ends the views, which may have followed half of a commit, or none of it. */
  end(): void {
    this.#shared.following.drop(this.#views);
    this.#shared.gone.push(...this.#views.end());
  }

  #change(commit: Commit, change: () => readonly RowChange[]): void {
    const { views, broken } = this;
    const onFailed = (error: unknown): void => this.#break(error, commit);
    try {
      const changes = change();
      if (broken === undefined)
        return this.#shared.following.add({ views, changes, point: commit, onFailed });
      this.broken = undefined;
    } catch (error) {
      return onFailed(error);
    }
    this.#beginViews();
  }

  #break(error: unknown, { timeMs }: Commit): void {
    if (error instanceof InvariantError) throw error;
    const reason = `a change could not be applied: ${messageOf(error)}`;
    this.broken = { ...this.state, status: "stale", reason, sinceMs: timeMs };
    this.#beginViews();
  }

  #beginViews(): void {
    this.end();
    this.#views = new ViewSet(this.table, this.#shared.pool, this.#naming);
    this.#shared.told.add(this.table.channel.name);
  }
}

/**
 * One channel of a replica: its table, its views and its state. A failure of its rows or views
 * affects this channel alone; only a broken invariant stops the server.
 */
import { InvariantError } from "../std/assert.ts";
import { messageOf } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { ChannelChange, Commit, SourceStatus } from "../log/log.ts";
import { nextState, type ChannelState } from "./channel-state.ts";
import type { ChannelCheckpoint } from "./checkpoint.ts";
import type { Following } from "./following.ts";
import type { LiveTable, RowChange } from "./live-table.ts";
import type { View } from "./view.ts";
import type { ViewNaming } from "./view-id.ts";
import type { ViewPool } from "./view-pool.ts";
import { ViewSet } from "./view-set.ts";

/** Follows the changes of tables, for what is computed from them. */
interface ChangeListener {
  /** A channel's rows have changed. */
  note(channel: string, changes: readonly RowChange[]): void;
  /** A channel was loaded anew after a failure: changes of it may have been lost. */
  noteAnew(channel: string): void;
}

/** What the channels of a replica share. */
export interface SharedParts {
  readonly pool: ViewPool;
  readonly following: Following;
  /** Views that have ended with their channels. */
  readonly gone: View[];
  /** Channels whose states have changed. */
  readonly told: Set<string>;
  readonly listener: ChangeListener;
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

  /** Evicts rows where memory is short; the views follow. */
  relieve(commit: Commit, durableSeq: number, until: Parameters<LiveTable["relieve"]>[2]): void {
    this.#change(commit, () => this.table.relieve(commit, durableSeq, until));
  }

  /** Evicts the rows of a derived table that have left it; the views follow. */
  evictLeft(commit: Commit, durableSeq: number): void {
    if (this.broken === undefined)
      this.#change(commit, () => this.table.evictLeft(commit, durableSeq));
  }

  /** The channel can't follow a commit, and is as it was before. */
  fail(error: unknown, commit: Commit): void {
    if (this.broken === undefined) this.#break(error, commit);
  }

  /** A derived table is as far as the input that is least far. */
  takeStateOf(inputs: readonly ReplicaChannel[], { timeMs }: Commit): void {
    const [first] = inputs;
    const [worst] = inputs.toSorted((left, right) => rankOf(right) - rankOf(left));
    if (first === undefined || worst === undefined) return;
    const { status, reason } = worst.broken ?? worst.state;
    const because = reason === undefined ? undefined : `${worst.table.channel.name}: ${reason}`;
    const { source } = first.state;
    const before = this.state.source === source ? this.state : { ...this.state, source };
    const state = nextState(before, { status, reason: because } as SourceStatus, timeMs);
    if (state === this.state) return;
    this.state = state;
    this.#shared.told.add(this.table.channel.name);
  }

  /**
   * The rows for a channel that is declared with other columns or bounds: those of one with history
   * and the same key stay, since its source continues where the store is and would not write them
   * again.
   */
  keptFor({
    history,
    key,
  }: ChannelDeclaration): Pick<ChannelCheckpoint, "rows" | "total"> | undefined {
    const { channel, rows, total } = this.table;
    const isKept = history !== undefined && channel.history !== undefined;
    return isKept && JSON.stringify(key) === JSON.stringify(channel.key)
      ? { rows: rows.checkpoint(), total }
      : undefined;
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
      this.#shared.listener.note(this.table.channel.name, changes);
      if (broken === undefined)
        return this.#shared.following.add({ views, changes, point: commit, onFailed });
      this.broken = undefined;
      this.#shared.listener.noteAnew(this.table.channel.name);
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

const RANKS = { live: 0, catching_up: 1, stale: 2 } as const;

function rankOf({ broken, state }: ReplicaChannel): number {
  return RANKS[(broken ?? state).status];
}

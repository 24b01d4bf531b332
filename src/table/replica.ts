/**
 * All live tables and views of one node, at one seq of one epoch. It applies commits in the order
 * of the log and knows what changed since the last flush; it knows nothing of clients. Its tables,
 * their states and the sources' positions are a function of the commits, so every replica of a log
 * is equal; only its views, and the tables that it declares for itself, can differ.
 */
import { assert } from "../std/assert.ts";
import { isSameDeclaration, type ChannelDeclaration } from "../log/channel.ts";
import type { Commit, KeyedRow } from "../log/log.ts";
import type { WireQuery, WireWhere } from "../protocol/query.ts";
import { firstState, nextState, statusIn, type ChannelState } from "./channel-state.ts";
import type { ChannelCheckpoint, Checkpoint } from "./checkpoint.ts";
import { DerivedTables } from "./derived-tables.ts";
import { Following } from "./following.ts";
import { unknownChannel } from "./unknown-channel.ts";
import { viewLimits, type ViewLimits } from "./limits.ts";
import { MemoryBudget } from "./memory-budget.ts";
import { LiveTable, type CommitPoint } from "./live-table.ts";
import { ReplicaChannel, type SharedParts } from "./replica-channel.ts";
import type { ReplicaOptions } from "./replica-options.ts";
import { finish } from "./steps.ts";
import { ViewPool, type RefusedView } from "./view-pool.ts";
import type { FillResult } from "./view-set.ts";
import type { View } from "./view.ts";

export class Replica {
  readonly #channels = new Map<string, ReplicaChannel>();
  readonly #node: string;
  readonly #secret: string;
  /**
   * By source: its last stored source position, and the time up to which its channels are
   * complete.
   */
  readonly #sourcePositions = new Map<string, string>();
  readonly #asOf = new Map<string, number>();
  #epoch = "";
  #seq = 0;
  #timeMs = 0;
  /** The seq up to which a history store holds everything, as of the tables' seq. */
  #durableSeq = 0;
  readonly #shared: SharedParts;
  readonly derived: DerivedTables;
  readonly budget = new MemoryBudget();

  constructor(limits: Partial<ViewLimits> = {}, options: ReplicaOptions = {}) {
    const { derivations = [], node = "", secret = "" } = options;
    this.#node = node;
    this.#secret = secret;
    const pool = new ViewPool(viewLimits(limits));
    this.derived = new DerivedTables(derivations, {
      channel: (name) => this.#channels.get(name),
      add: (table, state) => this.#add(table, state),
      drop: (name) => this.#drop(name),
    });
    const following = new Following();
    this.#shared = { pool, following, gone: [], told: new Set(), listener: this.derived };
  }

  /** A replica that gives the same answers as one that has read everything up to the checkpoint. */
  static from(checkpoint: Checkpoint, limits: Partial<ViewLimits> = {}): Replica {
    const replica = new Replica(limits);
    replica.begin(checkpoint.epoch, checkpoint);
    return replica;
  }

  /** The tables and states at the present seq, without views, as plain data. */
  checkpoint(): Checkpoint {
    const channels = [...this.#channels.values()].filter(({ own }) => own === undefined);
    return {
      epoch: this.#epoch,
      seq: this.#seq,
      timeMs: this.#timeMs,
      durableSeq: this.#durableSeq,
      sourcePositions: [...this.#sourcePositions],
      asOf: [...this.#asOf],
      settled: this.derived.settled,
      ...this.budget.checkpoint,
      channels: channels.map(({ table, state, broken }): ChannelCheckpoint => ({
        declaration: table.channel,
        state,
        ...(broken !== undefined && { broken }),
        total: table.total,
        rows: table.rows.checkpoint(),
      })),
    };
  }

  /** The tables' epoch. */
  get epoch(): string {
    return this.#epoch;
  }

  /** The seq of the last commit applied: every table is as of it, and every view if `isWhole`. */
  get seq(): number {
    return this.#seq;
  }

  /** That commit's time. */
  get timeMs(): number {
    return this.#timeMs;
  }

  /** The source position that the source stored last, as of the tables' seq. */
  sourcePositionOf(source: string): string | undefined {
    return this.#sourcePositions.get(source);
  }

  /** By source: the Unix time, in milliseconds, up to which everything is in the tables. */
  get asOf(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#asOf);
  }

  stateOf(name: string): ChannelState | undefined {
    const channel = this.#channels.get(name);
    return channel?.broken ?? channel?.state;
  }

  get viewCount(): number {
    return this.#shared.pool.views;
  }

  /** Estimated bytes of all views, without the channels' own rows; as of the last second. */
  get viewBytes(): number {
    return this.#shared.pool.bytes;
  }

  get viewEntries(): number {
    return this.#shared.pool.entries;
  }

  /** Views of one channel, without the bare channel. */
  viewsOf(name: string): number {
    return this.#channels.get(name)?.views.size ?? 0;
  }

  get tables(): Iterable<LiveTable> {
    return [...this.#channels.values()].map(({ table }) => table);
  }

  table(name: string): LiveTable | undefined {
    return this.#channels.get(name)?.table;
  }

  /** A table of this node alone, whose seqs are its own count and not the log's. */
  isOwn(name: string): boolean {
    return this.#channels.get(name)?.own !== undefined;
  }

  /** The newest seq of a channel: the log's, or the count of the node's own table. */
  headOf(name: string): number {
    return this.#channels.get(name)?.own?.seq ?? this.#seq;
  }

  /** Begins in another epoch, empty or with a checkpoint of it. The node's own tables stay. */
  begin(epoch: string, checkpoint?: Checkpoint): void {
    for (const [name, { own }] of this.#channels) if (own === undefined) this.#drop(name);
    this.#sourcePositions.clear();
    this.#asOf.clear();
    this.#epoch = epoch;
    this.#seq = checkpoint?.seq ?? 0;
    this.#timeMs = checkpoint?.timeMs ?? 0;
    this.#durableSeq = checkpoint?.durableSeq ?? 0;
    this.budget.bytesMax = checkpoint?.tablesBytesMax ?? Number.POSITIVE_INFINITY;
    if (checkpoint === undefined) return this.derived.begin(undefined);
    assert(checkpoint.epoch === epoch, "a checkpoint is of the history that it begins");
    for (const [source, sourcePosition] of checkpoint.sourcePositions)
      this.#sourcePositions.set(source, sourcePosition);
    for (const [source, unixMs] of checkpoint.asOf) this.#asOf.set(source, unixMs);
    for (const { declaration, state, broken, ...content } of checkpoint.channels) {
      this.#add(new LiveTable(declaration, this.#seq, content), state);
      this.#require(declaration.name).broken = broken;
    }
    this.derived.begin(checkpoint);
  }

  /** Whether every view is as of the tables' seq. */
  get isWhole(): boolean {
    return this.#shared.following.isDone;
  }

  /** Applies the next commit of the log to tables and views. */
  apply(commit: Commit): void {
    this.applyToTables(commit);
    this.follow(() => false);
  }

  /**
   * Applies the next commit of the log to the tables: call `follow` until the views are there too.
   * Changes to channels that are not declared are skipped.
   */
  applyToTables(commit: Commit): void {
    assert(this.isWhole, "the views follow one commit before the next is applied");
    const { seq, previousSeq = seq - 1 } = commit;
    assert(previousSeq === this.#seq && seq > previousSeq, `commit ${seq} after ${this.#seq}`);
    this.#seq = commit.seq;
    this.#timeMs = commit.timeMs;
    this.#durableSeq = commit.durableSeq ?? this.#durableSeq;
    for (const name of commit.drops ?? []) if (!this.derived.has(name)) this.#drop(name);
    for (const declaration of commit.declares ?? []) this.#declare(declaration, commit);
    for (const change of commit.changes) {
      const channel = this.#channels.get(change.channel);
      if (channel !== undefined && this.#isOfLog(channel)) channel.apply(change, commit);
    }
    const channels = [...this.#channels.values()].filter(({ own }) => own === undefined);
    const inputs = channels.filter((channel) => this.#isOfLog(channel));
    for (const channel of inputs) channel.evict(commit, this.#durableSeq);
    this.budget.bytesMax = commit.tablesBytesMax ?? this.budget.bytesMax;
    this.budget.relieve(channels, inputs, commit, this.#durableSeq);
    if (commit.status !== undefined) this.#applyStatus(commit);
    if (commit.source !== undefined && commit.sourcePosition !== undefined)
      this.#sourcePositions.set(commit.source, commit.sourcePosition);
    if (commit.source !== undefined && commit.asOfMs !== undefined)
      this.#asOf.set(commit.source, commit.asOfMs);
    this.derived.follow(commit, this.#durableSeq);
  }

  /**
   * Brings the views to the tables' seq, until `isOver`. Returns whether they are there; until then
   * `fill` completes no view.
   */
  follow(isOver: () => boolean): boolean {
    return this.#shared.following.run(isOver);
  }

  /** Declares a table of this node alone, which is in no log. */
  declareOwn(declaration: ChannelDeclaration, timeMs: number): void {
    assert(!this.#channels.has(declaration.name), `channel "${declaration.name}" is declared once`);
    this.#add(new LiveTable(declaration, 0), firstState(undefined, timeMs), { seq: 0, timeMs });
  }

  /** Changes a table of this node's own. */
  changeOwn(
    name: string,
    upserts: readonly KeyedRow[],
    removes: readonly string[],
    timeMs: number,
  ): void {
    const channel = this.#require(name);
    assert(channel.own !== undefined, `"${name}" is this node's own`);
    channel.own.seq++;
    channel.own.timeMs = timeMs;
    const point: CommitPoint = { ...channel.own };
    const { table, views } = channel;
    for (const changes of [
      table.apply({ channel: name, upserts, removes }, point),
      table.evict(point, point.seq),
    ])
      finish(views.follow(changes, point));
  }

  /** The views that have changed since the last call. */
  takeDirty(): readonly View[] {
    const dirty = [...this.#shared.pool.dirty];
    this.#shared.pool.dirty.clear();
    return dirty;
  }

  /** The views that have ended with their channels since the last call. */
  takeGone(): readonly View[] {
    return this.#shared.gone.splice(0);
  }

  /** The views refused since the last call, because they cost too much or are too large. */
  takeRefused(): readonly RefusedView[] {
    const { refused } = this.#shared.pool;
    this.#shared.pool.refused = [];
    return refused;
  }

  /** The channels whose states have changed since the last call. */
  takeTold(): readonly string[] {
    const told = [...this.#shared.told];
    this.#shared.told.clear();
    return told;
  }

  /** The id of the view that `acquire` would return. @throws TidemarkError `UNKNOWN_CHANNEL` */
  viewIdOf(query: WireQuery, policy: WireWhere | undefined): string {
    return this.#require(query.channel).views.idOf(query, policy);
  }

  /** The view of a channel with this id, if it is kept. */
  find(channel: string, id: string): View | undefined {
    return this.#channels.get(channel)?.views.find(id);
  }

  /** Why a client's view with the id `former` differs from the present view. */
  differenceOf(former: string, { id, channel }: View): "view" | "policy" | "declaration" {
    return this.#require(channel).views.differenceOf(former, id);
  }

  /** A complete view. @throws the errors of `open` and `fill` */
  acquire(query: WireQuery, policy: WireWhere | undefined): View {
    const view = this.open(query, policy);
    if (this.fill(view, () => false) !== "whole") throw unknownChannel(query.channel);
    return view;
  }

  /**
   * A view, which the caller fills until it is complete; `owner` is the identity whose share the
   * view counts against. The caller releases it, also when it could not be filled. @throws
   * TidemarkError `UNKNOWN_CHANNEL`, and what `ViewSet.open` throws
   */
  open(query: WireQuery, policy: WireWhere | undefined, owner?: string): View {
    const channel = this.#require(query.channel);
    return channel.views.open(query, policy, this.#pointOf(channel), owner);
  }

  /** Evaluates rows until `isOver` or the view is complete. @throws the errors of `ViewSet.fill` */
  fill(view: View, isOver: () => boolean): FillResult {
    if (!this.follow(isOver)) return "more";
    const channel = this.#channels.get(view.channel);
    return channel === undefined
      ? "gone"
      : channel.views.fill(view, this.#pointOf(channel), isOver);
  }

  /** Whether windows have used most of their reserve: then call `refill`. */
  get hasShortWindows(): boolean {
    return [...this.#channels.values()].some(({ views }) => views.isShort);
  }

  /** Walks on for such windows until `isOver`. Their rows do not change by it. */
  refill(isOver: () => boolean): void {
    if (!this.follow(isOver)) return;
    for (const { views } of this.#channels.values()) if (views.isShort) views.refill(isOver);
  }

  /** A view whose channel is gone was released with it. */
  release(view: View, nowMs: number): void {
    this.#channels.get(view.channel)?.views.release(view, nowMs);
  }

  sweep(nowMs: number): void {
    for (const { views } of this.#channels.values()) views.sweep(nowMs);
    this.#shared.pool.refuseLargest();
  }

  /**
   * The same declaration changes nothing. Another one makes an empty table, and the subscribers of
   * the old one begin anew.
   */
  #declare(declaration: ChannelDeclaration, { source, timeMs }: Commit): void {
    const known = this.#channels.get(declaration.name);
    if (known?.own !== undefined || this.derived.has(declaration.name)) return;
    if (
      known !== undefined &&
      known.state.source === source &&
      isSameDeclaration(known.table.channel, declaration)
    )
      return;
    this.#drop(declaration.name);
    const content = known?.state.source === source ? known?.keptFor(declaration) : undefined;
    this.#add(new LiveTable(declaration, this.#seq, content), firstState(source, timeMs));
  }

  #add(table: LiveTable, state: ChannelState, own?: ReplicaChannel["own"]): ReplicaChannel {
    const naming = { secret: this.#secret, node: own && this.#node };
    const channel = new ReplicaChannel(this.#shared, { table, state, naming, own });
    this.#channels.set(table.channel.name, channel);
    return channel;
  }

  /** Neither this node's own, nor derived. */
  #isOfLog({ own, table }: ReplicaChannel): boolean {
    return own === undefined && !this.derived.has(table.channel.name);
  }

  #drop(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.own !== undefined) return;
    this.#channels.delete(name);
    channel.end();
  }

  #applyStatus(commit: Commit): void {
    for (const [name, channel] of this.#channels) {
      const said = this.#isOfLog(channel)
        ? statusIn(commit, name, channel.state.source)
        : undefined;
      if (said === undefined) continue;
      const state = nextState(channel.state, said, commit.timeMs);
      if (state === channel.state) continue;
      channel.state = state;
      this.#shared.told.add(name);
    }
  }

  #pointOf({ own }: ReplicaChannel): CommitPoint {
    return own === undefined ? { seq: this.#seq, timeMs: this.#timeMs } : { ...own };
  }

  #require(name: string): ReplicaChannel {
    const channel = this.#channels.get(name);
    if (channel !== undefined) return channel;
    throw unknownChannel(name);
  }
}

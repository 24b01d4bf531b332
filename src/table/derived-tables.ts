/**
 * The derived tables of a replica. After a commit has changed the other tables, each derived table
 * follows, inputs before what is derived from them, so that derived rows change in the same commit
 * and all views are as of one seq. What a derived table holds is a function of the log.
 *
 * Retains the computations; each states what it retains.
 */
import { InvariantError } from "../std/assert.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import { isSameDeclaration, type ChannelDeclaration } from "../log/channel.ts";
import type { ChannelChange, Commit, KeyedRow } from "../log/log.ts";
import type { JsonValue } from "../protocol/row.ts";
import { firstState, type ChannelState } from "./channel-state.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Computation, Derivation, DerivedChange } from "./derivation.ts";
import { LiveTable, type RowChange } from "./live-table.ts";
import { added, Recovery } from "./recovery.ts";
import type { ReplicaChannel } from "./replica-channel.ts";

/** A failed table over a window begins anew when its inputs change, after a pause that grows. */
const [RETRY_MS, RETRY_MS_MAX] = [1_000, 60_000];

/** The replica that the tables belong to. */
export interface DerivedHost {
  channel(name: string): ReplicaChannel | undefined;
  add(table: LiveTable, state: ChannelState): ReplicaChannel;
  drop(name: string): void;
}

/** What one commit was for the derived tables with history: the log does not have it. */
export interface DerivedStep {
  readonly seq: number;
  readonly declares: readonly ChannelDeclaration[];
  readonly changes: readonly ChannelChange[];
}

interface Entry {
  readonly derivation: Derivation;
  /** The inputs' tables with which it began. */
  tables: readonly LiveTable[];
  /** Undefined where it could not begin, or has failed. */
  computation: Computation | undefined;
  /** What the computation gives next is all of its rows. */
  isFirst: boolean;
  /** What evicted rows had left when the computation began. */
  settled: JsonValue | undefined;
  /** Why the table is not declared. */
  fault: string | undefined;
  /** Why it is not known what evicted rows count for. */
  failure: TidemarkError | undefined;
  /** While a table over a stream that has failed is computed anew. */
  recovery: Recovery | undefined;
  /** Since it failed: when it may be computed anew, by the times of commits. */
  retry: { readonly atMs: number; readonly pauseMs: number } | undefined;
}

type Inputs = readonly ReplicaChannel[];

export class DerivedTables {
  readonly #entries: readonly Entry[];
  readonly #host: DerivedHost;
  readonly #noted: ReadonlySet<string>;
  readonly #listeners: ((step: DerivedStep) => void)[] = [];
  /** The changes of inputs and derived tables in this commit. */
  readonly #changes = new Map<string, RowChange[]>();
  /** Channels that were loaded anew in this commit, after a failure of their own… */
  readonly #anew = new Set<string>();
  /** …or by their sources. */
  #reloaded: ReadonlySet<string> = new Set();
  /**
   * Derived tables that began empty in this commit: what a history store has of an earlier start
   * ends with it.
   */
  readonly #fresh = new Set<string>();
  #declares: ChannelDeclaration[] = [];
  #stored: ChannelChange[] = [];

  /** Each derivation stands behind those that it is derived from. */
  constructor(derivations: readonly Derivation[], host: DerivedHost) {
    this.#entries = derivations.map((derivation) => ({
      derivation,
      tables: [],
      computation: undefined,
      isFirst: false,
      settled: undefined,
      fault: undefined,
      failure: undefined,
      recovery: undefined,
      retry: undefined,
    }));
    this.#noted = new Set(derivations.flatMap(({ name, inputs }) => [name, ...inputs]));
    this.#host = host;
  }

  has(name: string): boolean {
    return this.#entries.some(({ derivation }) => derivation.name === name);
  }

  /** Derived tables that can't be declared, and why. */
  get faults(): readonly { readonly name: string; readonly reason: string }[] {
    return this.#entries.flatMap(({ derivation: { name, inputs }, computation, fault }) => {
      if (fault !== undefined) return [{ name, reason: fault }];
      const missing = inputs.find((input) => this.#host.channel(input) === undefined);
      if (computation !== undefined || missing === undefined) return [];
      return [{ name, reason: `Derived table "${name}": there is no channel "${missing}".` }];
    });
  }

  /** What rows that have left the inputs still count for. */
  get settled(): NonNullable<Checkpoint["settled"]> {
    return this.#entries.flatMap(({ derivation, computation }) => {
      const settled = computation?.settled;
      return settled === undefined ? [] : [[derivation.name, settled] as const];
    });
  }

  /** Tables over a stream that have failed, whose evicted rows a history store can give again. */
  get failed(): readonly string[] {
    return this.#entries
      .filter((entry) => this.#isRecoverable(entry) && entry.recovery?.isEnded !== false)
      .map(({ derivation }) => derivation.name);
  }

  /**
   * Begins to compute a failed table anew, as of the present seq. Undefined for one that has not
   * failed. @throws what the computation throws for the rows of its source
   */
  recover(name: string): Recovery | undefined {
    const entry = this.#entries.find(({ derivation }) => derivation.name === name);
    const [source] = entry?.tables ?? [];
    if (entry === undefined || source === undefined || !this.#isRecoverable(entry))
      return undefined;
    entry.recovery?.end();
    entry.recovery = undefined;
    entry.recovery = new Recovery(entry.derivation.begin([source.channel]), source);
    return entry.recovery;
  }

  #isRecoverable({ computation, derivation, tables: [source], fault }: Entry): boolean {
    const isFailed = computation === undefined && fault === undefined && source !== undefined;
    return isFailed && derivation.keepsEvicted && source.channel.history !== undefined;
  }

  onStep(listener: (step: DerivedStep) => void): void {
    this.#listeners.push(listener);
  }

  note(name: string, changes: readonly RowChange[]): void {
    if (changes.length === 0 || !this.#noted.has(name)) return;
    const noted = this.#changes.get(name);
    if (noted === undefined) this.#changes.set(name, [...changes]);
    else for (const change of changes) noted.push(change);
  }

  noteAnew(name: string): void {
    this.#anew.add(name);
  }

  /** Begins with the tables of a checkpoint, which the replica has. */
  begin(checkpoint: Checkpoint | undefined): void {
    const settled = new Map(checkpoint?.settled);
    const failures = new Map(checkpoint?.unsettled);
    for (const entry of this.#entries) {
      const { name } = entry.derivation;
      entry.recovery?.end();
      const begun = { tables: [], computation: undefined, recovery: undefined, retry: undefined };
      const failure = failures.get(name);
      Object.assign(entry, { ...begun, settled: settled.get(name), failure });
      const inputs = this.#inputsOf(entry);
      try {
        if (failure !== undefined) continue;
        if (inputs !== undefined) this.#compute(entry, inputs);
        else this.#host.drop(name);
      } catch (error) {
        if (error instanceof InvariantError) throw error;
        // The first commit tries again, and says why it failed.
        entry.tables = [];
      }
    }
  }

  /** Follows a commit that the inputs have followed. `durableSeq` is the history store's. */
  follow(commit: Commit, durableSeq: number): void {
    const reloads = commit.changes.filter(({ reload }) => reload === true);
    this.#reloaded = new Set(reloads.map(({ channel }) => channel));
    for (const entry of this.#entries) {
      const inputs = this.#inputsOf(entry);
      if (inputs !== undefined) this.#followOne(entry, inputs, commit, durableSeq);
      else this.#end(entry);
    }
    this.#changes.clear();
    this.#anew.clear();
    this.#fresh.clear();
    const step = { seq: commit.seq, declares: this.#declares, changes: this.#stored };
    this.#declares = [];
    this.#stored = [];
    for (const listener of this.#listeners) listener(step);
  }

  #inputsOf({ derivation }: Entry): Inputs | undefined {
    const found = derivation.inputs.map((name) => this.#host.channel(name));
    return found.every((channel) => channel !== undefined) ? found : undefined;
  }

  #end(entry: Entry): void {
    entry.recovery?.end();
    const nothing = { computation: undefined, settled: undefined, recovery: undefined };
    Object.assign(entry, { ...nothing, tables: [], fault: undefined, retry: undefined });
    this.#host.drop(entry.derivation.name);
  }

  #followOne(entry: Entry, inputs: Inputs, commit: Commit, durableSeq: number): void {
    const { name } = entry.derivation;
    try {
      if (this.#beginsAnew(entry, inputs, commit)) this.#beginAnew(entry, inputs);
      else this.#followInputs(entry, inputs);
      this.#apply(entry, inputs, commit);
      if (entry.computation !== undefined) entry.retry = undefined;
    } catch (error) {
      entry.computation = undefined;
      const pauseMs = Math.min((entry.retry?.pauseMs ?? RETRY_MS / 2) * 2, RETRY_MS_MAX);
      entry.retry = { pauseMs, atMs: commit.timeMs + pauseMs };
      // A table that could not even begin is there too, to say so.
      const failed = this.#host.channel(name) ?? this.#declared(entry.derivation, inputs, commit);
      failed.fail(error, commit);
    }
    const channel = this.#host.channel(name);
    channel?.evictLeft(commit, durableSeq);
    channel?.takeStateOf(inputs, commit);
    if (channel?.table.channel.history !== undefined) this.#store(channel.table.channel);
  }

  #beginsAnew(entry: Entry, inputs: Inputs, { timeMs }: Commit): boolean {
    const { computation, derivation, tables } = entry;
    if (inputs.some(({ table }, index) => tables[index] !== table)) return true;
    const names = inputs.map(({ table }) => table.channel.name);
    const isAnew = names.some((name) => this.#anew.has(name));
    // Its views have failed, not its rows.
    if (computation !== undefined)
      return isAnew || this.#host.channel(derivation.name)?.broken !== undefined;
    // What evicted rows counted for is lost with a computation: only a store gives it again, …
    if (this.#isRecoverable(entry)) return false;
    // …and without one the table begins with the rows that are there, as at a start.
    if (isAnew || names.some((name) => this.#reloaded.has(name))) return true;
    const isDue = timeMs >= (entry.retry?.atMs ?? Number.POSITIVE_INFINITY);
    return isDue && !derivation.keepsEvicted && names.some((name) => this.#changes.has(name));
  }

  #beginAnew(entry: Entry, inputs: Inputs): void {
    const { computation, tables } = entry;
    const isKept = inputs.every(({ table }, index) => table === tables[index] || table.isContinued);
    if (isKept && this.#isRecoverable(entry))
      entry.failure = new TidemarkError("NOT_READY", "its evicted rows are counted again");
    if (tables.length > 0) entry.settled = isKept ? computation?.settled : undefined;
    this.#compute(entry, inputs);
  }

  /** @throws what `begin` and `follow` of a computation throw */
  #compute(entry: Entry, inputs: Inputs): void {
    const { derivation, settled } = entry;
    entry.tables = inputs.map(({ table }) => table);
    entry.recovery?.end();
    entry.recovery = undefined;
    entry.computation = undefined;
    entry.isFirst = true;
    const channels = inputs.map(({ table }) => table.channel);
    try {
      derivation.declare(channels);
      entry.fault = undefined;
    } catch (error) {
      entry.fault = messageOf(error);
      this.#host.drop(derivation.name);
      return;
    }
    const { failure } = entry;
    entry.failure = undefined;
    if (failure !== undefined) throw failure;
    const computation = derivation.begin(channels, settled);
    entry.computation = computation;
    // The joined table first, so that each row is joined once.
    for (const [index, { table }] of [...inputs.entries()].reverse())
      computation.follow(index, Array.from(table.rows.values(), added));
  }

  #followInputs(entry: Entry, inputs: Inputs): void {
    const { computation, recovery } = entry;
    for (const [index, { table }] of [...inputs.entries()].reverse()) {
      const changes = this.#changes.get(table.channel.name);
      if (changes === undefined) continue;
      computation?.follow(index, changes);
      recovery?.follow(changes);
    }
    if (recovery?.isEnded === true) entry.recovery = undefined;
    if (recovery?.isWhole !== true) return;
    entry.recovery = undefined;
    entry.computation = recovery.computation;
    entry.isFirst = true;
  }

  #apply(entry: Entry, inputs: Inputs, commit: Commit): void {
    const { computation, derivation, fault, isFirst } = entry;
    if (fault !== undefined) return;
    const channel = isFirst
      ? this.#declared(derivation, inputs, commit)
      : this.#host.channel(derivation.name);
    entry.isFirst = false;
    if (channel === undefined || computation === undefined) return;
    const all = computation.take();
    const { upserts, removes, evictions } = isFirst
      ? differenceOf(channel.table, all, computation)
      : all;
    channel.table.leave(evictions);
    const isRecovered = channel.broken !== undefined;
    if (upserts.length + removes.length === 0 && !isRecovered) return;
    // What is loaded anew after a failure has all rows.
    const change = { channel: derivation.name, upserts: isRecovered ? all.upserts : upserts };
    channel.apply({ ...change, removes, ...(isRecovered && { reload: true }) }, commit);
  }

  #declared(derivation: Derivation, inputs: Inputs, { seq, timeMs }: Commit): ReplicaChannel {
    const declaration = derivation.declare(inputs.map(({ table }) => table.channel));
    const known = this.#host.channel(derivation.name);
    if (declaration.history !== undefined) this.#declares.push(declaration);
    if (known !== undefined && isSameDeclaration(known.table.channel, declaration)) return known;
    this.#host.drop(derivation.name);
    if (!derivation.closesGroups) this.#fresh.add(derivation.name);
    const [source] = inputs as readonly [ReplicaChannel];
    return this.#host.add(new LiveTable(declaration, seq), firstState(source.state.source, timeMs));
  }

  /** What a history store has of an earlier start ends with the table that was there. */
  #store({ name }: ChannelDeclaration): void {
    const changes = this.#changes.get(name) ?? [];
    const isFresh = this.#fresh.has(name);
    if (changes.length === 0 && !isFresh) return;
    const upserts = new Map<string, KeyedRow>();
    const removes = new Set<string>();
    for (const { key, after, evicted } of changes) {
      if (evicted) continue;
      if (after === undefined) {
        removes.add(key);
        upserts.delete(key);
      } else {
        upserts.set(key, after);
        removes.delete(key);
      }
    }
    this.#stored.push({
      channel: name,
      upserts: [...upserts.values()],
      removes: [...removes],
      ...(isFresh && { reload: true }),
    });
  }
}

/** What makes a table's rows those that the computation gives. */
function differenceOf(
  { rows }: LiveTable,
  { upserts }: DerivedChange,
  computation: Computation,
): DerivedChange {
  const kept = new Set(upserts.map(({ key }) => key));
  const gone = Array.from(rows.values()).filter(({ key }) => !kept.has(key));
  const isEvicted = gone.map(({ row }) => computation.isEvicted(row));
  const keysWhere = (evicted: boolean): readonly string[] =>
    gone.filter((_node, index) => isEvicted[index] === evicted).map(({ key }) => key);
  return { upserts, removes: keysWhere(false), evictions: keysWhere(true) };
}

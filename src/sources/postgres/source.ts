/**
 * The Postgres source by triggers and outbox: finds tables, installs the capture, copies, then
 * reads the changes that become visible, on one connection. A lost connection makes its channels
 * stale at once. The source connects again with growing pauses, and continues where it was.
 */
import { assert } from "../../std/assert.ts";
import type { Cancel } from "../../std/clock.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { declareChannel, type ChannelDeclaration } from "../../log/channel.ts";
import type { ChannelBounds, ChannelHistory } from "../../log/limits.ts";
import type { TypedChannel } from "../../protocol/typed-channel.ts";
import type { Source, SourceContext } from "../source.ts";
import type { Writer } from "../writer.ts";
import { connectTo } from "./connect.ts";
import { connectSoon } from "./connect-soon.ts";
import { checkDeclarations, declarationsIn, namesIn, type Declarations } from "./declarations.ts";
import { install, releaseFormer, type FailedTable } from "./install.ts";
import { Lease } from "./lease.ts";
import { postgresLimits, type PostgresLimits } from "./limits.ts";
import { ObservedSession } from "./observed-session.ts";
import { firstPace, nextPace } from "./pacing.ts";
import { Reader } from "./reader.ts";
import { warningsOf, type PostgresReport } from "./report.ts";
import { ensureSchema, NOTIFY_CHANNEL } from "./schema.ts";
import { SourceStatusTeller } from "./source-status.ts";
import type { SqlDatabase, SqlSession, SqlWrites } from "./sql.ts";
import type { TableChannels, TablesOption } from "./table-shape.ts";
import { findTables, type Table } from "./tables.ts";
import { Wakeup, type Pause } from "./wakeup.ts";
import { PostgresWriter } from "./writer.ts";

export interface PostgresOptions<T extends TablesOption = TablesOption> {
  /**
   * The tables to serve: a list of names; or declarations by name, which give the rows types: the
   * output of `npx tidemark types`, or schemas. The start fails if a declaration does not match
   * its table. Default: all tables that can be live.
   */
  readonly tables?: T | undefined;
  /** Default `postgres`. */
  readonly name?: string;
  /**
   * Roles whose tables are served although Postgres then runs their functions (in indexes,
   * statistics, partitions) with the connecting role's rights. Default: none but that role itself,
   * and superusers.
   */
  readonly trustedOwners?: readonly string[];
  /** Roles that may call `tidemark.txid()`. Default: the connecting role alone. */
  readonly txidRoles?: readonly string[];
  /** Bounds of each table's channel. Default: 100,000 rows, 256 MiB. */
  readonly bounds?: Partial<ChannelBounds>;
  /**
   * Keeps each version of the rows in the history store of the server: of all tables, or of those
   * for whose channel the function returns `true` or settings. Default: of none.
   */
  readonly history?: HistoryOption | ((channel: string) => HistoryOption | undefined);
  readonly limits?: Partial<PostgresLimits>;
  /** Called once, after the first start. */
  readonly onInstalled?: (report: PostgresReport) => void;
}

type HistoryOption = boolean | Partial<ChannelHistory>;

/** The tables found at the start. */
interface Started {
  readonly tables: readonly Table[];
  /** Tables whose triggers could not be installed. */
  readonly failed: readonly FailedTable[];
  readonly channels: readonly ChannelDeclaration[];
}

/** What `postgres()` returns: a source for `createTidemark({ sources })`. */
export interface PostgresSource<T extends TablesOption = readonly string[]> extends Source {
  /** The declared tables' channels, for their types: `createClient<typeof source.channels>()`. */
  readonly channels: TableChannels<T>;
}

export class TriggerSource<T extends TablesOption> implements PostgresSource<T> {
  readonly name: string;
  readonly writer: Writer;
  readonly channels: TableChannels<T>;
  readonly #database: SqlDatabase;
  readonly #writes: SqlWrites;
  readonly #options: PostgresOptions<T>;
  readonly #declarations: Declarations;
  readonly #limits: PostgresLimits;
  readonly #wakeup = new Wakeup();
  #context: SourceContext | undefined;
  #status: SourceStatusTeller | undefined;
  #reader: Reader | undefined;
  #lease: Lease | undefined;
  #session: ObservedSession | undefined;
  #stopWatch: Cancel = () => {};
  /** Work is under way that may take long. */
  #isBusy = false;
  #isStopped = false;
  /**
   * Postgres can't prepare a transaction with NOTIFY for two-phase commit. Where two-phase commit
   * is in use, writers do not notify.
   */
  #canNotify = false;
  #loop: Promise<void> = Promise.resolve();

  /** @throws TidemarkError `BAD_OPTION` */
  constructor(database: SqlDatabase, options: PostgresOptions<T> = {}) {
    this.name = options.name ?? "postgres";
    this.#database = database;
    this.#options = options;
    this.#declarations = declarationsIn(options.tables);
    const channels = Array.from(this.#declarations.keys(), (name) => [name, {}] as const);
    this.channels = Object.fromEntries<TypedChannel<unknown>>(channels) as TableChannels<T>;
    this.#limits = postgresLimits(options.limits);
    this.#writes = database.openWrites();
    this.writer = new PostgresWriter({
      writes: this.#writes,
      limits: this.#limits,
      table: (channel) => this.#reader?.table(channel),
      prunedTo: () => this.#lease?.prunedTo?.text,
      onFailed: (id, error) =>
        this.#context?.logger.error({ mutation: id, err: error }, "mutation failed"),
    });
  }

  async start(context: SourceContext): Promise<void> {
    this.#context = context;
    const session = this.#observed(await connectTo(this.#database));
    try {
      const { tables, failed, channels } = await this.#install(session);
      const lease = new Lease({
        readerId: context.random.id(16),
        leaseSeconds: this.#limits.leaseSeconds,
        clock: context.clock,
      });
      const reader = new Reader({
        tables,
        declarations: this.#declarations,
        failed,
        trustedOwners: this.#options.trustedOwners ?? [],
        bounds: new Map(channels.map(({ name, bounds }) => [name, bounds])),
        limits: this.#limits,
        lease,
        context,
        onLongWork: (isBusy) => (this.#isBusy = isBusy),
      });
      [this.#lease, this.#reader] = [lease, reader];
      this.#status = new SourceStatusTeller(context, () => reader.channels);
      await this.#attach(session);
    } catch (error) {
      await session.close();
      throw error;
    }
    // A new subscriber does not wait for the long pause that applied while no view was watched.
    const stopInterest = context.interest.onChange(() => {
      if (this.#session === undefined) this.#wakeup.wake();
    });
    this.#watch();
    this.#loop = this.#run().finally(stopInterest);
  }

  /** Finds the tables, compares them with their declarations, installs triggers. */
  async #install(session: SqlSession): Promise<Started> {
    const context = this.#need(this.#context);
    const { label } = this.#database;
    const { trustedOwners = [], txidRoles = [], onInstalled } = this.#options;
    const wanted = namesIn(this.#options.tables);
    const { tables, refused } = await findTables(session, { wanted, trustedOwners });
    if (tables.length === 0) {
      const reasons = refused.map(({ table, reason }) => `${table}: ${reason}`).join(" ");
      throw new TidemarkError(
        "TABLE_REFUSED",
        `No table of ${label} can be live. ${reasons || "It has none."}`,
      );
    }
    const checks = await checkDeclarations(session, tables, this.#declarations, this.#limits);
    const createdSchema = await ensureSchema(session, txidRoles);
    const { failed, ...installed } = await install(session, tables, this.#limits.lockTimeoutMs);
    await releaseFormer(session);
    const channels = tables.map((table) => declarationOf(table, this.#options));
    await context.append({ changes: [], declares: channels });
    for (const { table, reason } of refused) context.refuse({ table, reason });
    const warnings = [...(await warningsOf(session, tables)), ...checks.warnings];
    for (const warning of warnings) context.logger.warn({ database: label }, warning);
    onInstalled?.({
      ...installed,
      createdSchema,
      database: label,
      tables: channels.map(({ name }) => name),
      refused,
      checked: checks.checked,
      warnings,
    });
    return { tables, failed, channels };
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopWatch();
    this.#wakeup.wake();
    const { clock } = this.#context ?? {};
    // Does not wait for a statement without an answer.
    const cancel = clock?.after(this.#limits.answerMsMax, () => this.#session?.abandon());
    await this.#loop;
    cancel?.();
    await this.#writes.close();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    // Best effort: otherwise the lease ends by itself.
    await this.#lease?.end(session).catch(() => {});
    await session.close().catch(() => {});
  }

  /** Starts to read from this connection. */
  async #attach(session: ObservedSession): Promise<void> {
    this.#session = session;
    session.onLost((reason) => {
      if (this.#session !== session) return;
      this.#session = undefined;
      this.#stale(`connection lost: ${reason}`);
      this.#wakeup.wake();
    });
    await session.listen(NOTIFY_CHANNEL, () => this.#wakeup.notify());
    const reader = this.#need(this.#reader);
    await reader.prepare(session);
    await reader.read(session);
    const [settings] = await session.query(
      "SELECT current_setting('max_prepared_transactions')::int AS two_phase",
    );
    this.#canNotify = settings?.["two_phase"] === 0;
    await this.#need(this.#status).tell({ status: "live" });
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#isStopped) {
      try {
        const session = this.#session ?? (await this.#reconnect());
        attempt = 0;
        await this.#readUntilLost(session);
      } catch (error) {
        if (error instanceof TidemarkError && error.code === "SUPERSEDED")
          return this.#standDown(error);
        this.#stale(`${this.#database.label}: ${messageOf(error)}`);
        this.#dropSession();
        if (this.#isStopped) return;
        const backoffMs = this.#limits.reconnectBaseMs * 2 ** attempt++;
        await this.#pause({ restMs: 0, delayMs: Math.min(this.#pauseMsMax, backoffMs) });
      }
    }
  }

  /** Another process reads this database for the same log. That one appends, and this one stops. */
  #standDown(error: TidemarkError): void {
    this.#context?.logger.error(
      { err: error },
      "another reader appends for this source; this one has stopped",
    );
    this.#stopWatch();
    this.#dropSession();
  }

  async #reconnect(): Promise<ObservedSession> {
    const { clock } = this.#need(this.#context);
    const session = this.#observed(await connectSoon(this.#database, clock, this.#limits));
    try {
      await this.#need(this.#status).tell({
        status: "catching_up",
        reason: "reconnected, reading missed changes",
      });
      await this.#attach(session);
      return session;
    } catch (error) {
      this.#session = undefined;
      await session.close().catch(() => {});
      throw error;
    }
  }

  get #pauseMsMax(): number {
    const isWatched = this.#need(this.#context).interest.views.length > 0;
    return isWatched
      ? Math.min(this.#limits.reconnectCapMs, this.#limits.reconnectWatchedMsMax)
      : this.#limits.reconnectCapMs;
  }

  #observed(session: SqlSession): ObservedSession {
    return new ObservedSession(session, this.#need(this.#context).clock);
  }

  /**
   * Makes the channels stale when Postgres does not answer: a database that does not answer must
   * not look like one without changes.
   */
  #watch(): void {
    if (this.#isStopped) return;
    const { clock } = this.#need(this.#context);
    const { answerMsMax, readTimeoutMs, copyTimeoutMs, watchMs } = this.#limits;
    const quietMs = this.#session?.quietMs ?? 0;
    if (quietMs >= answerMsMax) {
      if (this.#isBusy)
        this.#status?.tellSoon({
          status: "catching_up",
          reason: "a long-running statement is in progress",
        });
      else this.#stale(`no response from Postgres for ${answerMsMax / 1_000} s`);
    }
    if (quietMs >= (this.#isBusy ? copyTimeoutMs : readTimeoutMs)) this.#session?.abandon();
    this.#stopWatch = clock.after(watchMs, () => this.#watch());
  }

  async #readUntilLost(session: ObservedSession): Promise<void> {
    const { clock } = this.#need(this.#context);
    const reader = this.#need(this.#reader);
    const lease = this.#need(this.#lease);
    const status = this.#need(this.#status);
    let pace = firstPace(clock.monotonic(), this.#limits);
    let renewedMs = clock.monotonic();
    let prunedMs = renewedMs;
    // Captured changes are deleted in the second round after they were read.
    let pruneRounds = 0;
    while (this.#session === session && !this.#isStopped) {
      const beganMs = clock.monotonic();
      const notices = this.#wakeup.takeNotices();
      const changes = await reader.read(session);
      if (!status.isLive) await status.tell({ status: "live" });
      if (changes > 0) pruneRounds = 2;
      const nowMs = clock.monotonic();
      const { snapshot, appended } = reader;
      if (snapshot !== undefined && nowMs - renewedMs >= this.#limits.renewMs) {
        renewedMs = nowMs;
        if (!(await lease.renew(session, snapshot))) await reader.copyAll(session);
        await this.#long(() => lease.forgetMutations(session, this.#limits));
      }
      const isPruneDue = pruneRounds > 0 && nowMs - prunedMs >= this.#limits.pruneMs;
      if (appended !== undefined && (isPruneDue || lease.isPruning)) {
        await lease.prune(session, appended, this.#limits.pruneRowsMax);
        if (!lease.isPruning) [prunedMs, pruneRounds] = [nowMs, pruneRounds - 1];
      }
      const { commitMs, isShared } = lease;
      const read = { changes, notices, nowMs, readMs: nowMs - beganMs, commitMs };
      pace = nextPace(pace, { ...read, maySleep: this.#canNotify && !isShared }, this.#limits);
      if (pace.isAsleep !== lease.isAsleep) await lease.setAsleep(session, pace.isAsleep);
      await this.#pause(lease.isPruning ? { ...pace, delayMs: 0 } : pace);
    }
  }

  async #long(run: () => Promise<void>): Promise<void> {
    this.#isBusy = true;
    try {
      await run();
    } finally {
      this.#isBusy = false;
    }
  }

  async #pause(pause: Pause): Promise<void> {
    if (!this.#isStopped) await this.#wakeup.pause(this.#need(this.#context).clock, pause);
  }

  #stale(reason: string): void {
    if (!this.#isStopped) this.#status?.tellSoon({ status: "stale", reason });
  }

  #dropSession(): void {
    const session = this.#session;
    this.#session = undefined;
    // Does not wait: the other side may never answer.
    session?.close().catch(() => {});
  }

  #need<V>(value: V | undefined): V {
    assert(value !== undefined, "used after start");
    return value;
  }
}

function declarationOf(
  { channel, key, columns }: Table,
  { bounds, history }: Pick<PostgresOptions, "bounds" | "history">,
): ChannelDeclaration {
  const kept = typeof history === "function" ? history(channel) : history;
  return declareChannel({
    name: channel,
    key: key.map(({ name }) => name),
    columns: columns.map(({ name, type }) => ({ name, type })),
    history: kept === true ? {} : kept || undefined,
    ...(bounds !== undefined && { bounds }),
  });
}

/**
 * The Postgres source by triggers and outbox: finds tables, installs what it needs, copies, then
 * reads what became visible, on one connection. A lost connection makes its channels stale at
 * once, is tried again with growing pauses, and continues where it stood.
 */
import type { Cancel } from "../../std/clock.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { declareChannel, type ChannelBounds, type ChannelDeclaration } from "../../log/channel.ts";
import type { SourceStatus } from "../../log/log.ts";
import type { Source, SourceContext } from "../source.ts";
import { BELL, install, type InstallReport } from "./install.ts";
import { Lease } from "./lease.ts";
import { POSTGRES_LIMITS, type PostgresLimits } from "./limits.ts";
import { firstPace, nextPace } from "./pacing.ts";
import { Reader } from "./reader.ts";
import type { SqlDatabase, SqlSession, SqlWrites } from "./sql.ts";
import { PostgresWriter } from "./writer.ts";
import type { Writer } from "../writer.ts";
import { findTables, type Refused, type Table } from "./tables.ts";

export interface PostgresSourceOptions {
  readonly database: SqlDatabase;
  /** Tables by name, or by schema.name. Default: all that can be live. */
  readonly tables?: readonly string[] | undefined;
  /** Default `postgres`. */
  readonly name?: string;
  /** Bounds of each table's channel. Default: 100,000 rows, 256 MiB. */
  readonly bounds?: Partial<ChannelBounds>;
  readonly limits?: Partial<PostgresLimits>;
  /** Told once, after the first start. */
  readonly onInstalled?: (report: PostgresReport) => void;
}

export interface PostgresReport extends InstallReport {
  readonly database: string;
  readonly tables: readonly string[];
  readonly refused: readonly Refused[];
}

export class PostgresSource implements Source {
  readonly name: string;
  readonly writer: Writer;
  readonly #writes: SqlWrites;
  readonly #options: PostgresSourceOptions;
  readonly #limits: PostgresLimits;
  #context: SourceContext | undefined;
  #reader: Reader | undefined;
  #lease: Lease | undefined;
  #session: SqlSession | undefined;
  #isStopped = false;
  /** The status that was said last. */
  #said = "";
  /** A transaction that notifies can't be prepared for two-phase commit: where that is in use, nobody rings. */
  #mayRing = false;
  #wake: () => void = () => {};
  /** The bell rang while nobody waited. */
  #hasRung = false;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: PostgresSourceOptions) {
    this.name = options.name ?? "postgres";
    this.#options = options;
    this.#limits = { ...POSTGRES_LIMITS, ...options.limits };
    this.#writes = options.database.openWrites(this.#limits.writeConnectionsMax);
    this.writer = new PostgresWriter({
      writes: this.#writes,
      table: (channel) => this.#reader?.table(channel),
      prunedTo: () => this.#lease?.prunedTo?.text,
      onFailed: (id, error) => this.#context?.logger.error({ mutation: id, err: error }, "mutation failed"),
    });
  }

  async start(context: SourceContext): Promise<void> {
    this.#context = context;
    const { database } = this.#options;
    const session = await database.connect().catch((cause: unknown) => {
      throw new TidemarkError("SOURCE_DOWN", `Can't connect to ${database.label}: ${messageOf(cause)}.`, { cause });
    });
    try {
      const { tables, refused } = await findTables(session, this.#options.tables);
      if (tables.length === 0) {
        const reasons = refused.map(({ table, reason }) => `${table}: ${reason}`).join(" ");
        throw new TidemarkError("TABLE_REFUSED", `No table of ${database.label} can be live. ${reasons || "It has none."}`);
      }
      const report = await install(session, tables, this.#limits.lockTimeoutMs);
      const channels = tables.map((table) => declarationOf(table, this.#options.bounds));
      await context.append({ changes: [], declares: channels });
      for (const { table, reason } of refused) context.refuse({ table, reason });
      this.#lease = new Lease({ readerId: context.random.id(16), leaseSeconds: this.#limits.leaseSeconds });
      this.#reader = new Reader({
        tables,
        bounds: new Map(channels.map(({ name, bounds }) => [name, bounds])),
        limits: this.#limits,
        lease: this.#lease,
        context,
        withDeadline: (reading) => this.#withDeadline(reading),
      });
      this.#options.onInstalled?.({ ...report, database: database.label, tables: channels.map(({ name }) => name), refused });
      await this.#attach(session);
    } catch (error) {
      await session.close();
      throw error;
    }
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#wake();
    await this.#loop;
    await this.#writes.close();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    // Best effort: without it the lease ends by itself.
    await this.#lease?.end(session).catch(() => {});
    await session.close().catch(() => {});
  }

  /** Makes a connection the one that is read from. */
  async #attach(session: SqlSession): Promise<void> {
    this.#session = session;
    session.onLost((reason) => {
      if (this.#session !== session) return;
      this.#session = undefined;
      this.#stale(`connection lost: ${reason}`);
      this.#wake();
    });
    await session.listen(BELL, () => {
      this.#hasRung = true;
      this.#wake();
    });
    const reader = this.#need(this.#reader);
    await reader.prepare(session);
    await reader.read(session);
    const [settings] = await session.query("SELECT current_setting('max_prepared_transactions')::int AS two_phase");
    this.#mayRing = settings?.["two_phase"] === 0;
    await this.#say({ status: "live" });
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#isStopped) {
      try {
        const session = this.#session ?? (await this.#reconnect());
        attempt = 0;
        await this.#readUntilLost(session);
      } catch (error) {
        if (error instanceof TidemarkError && error.code === "SUPERSEDED") return this.#standDown(error);
        this.#stale(this.#explain(error));
        this.#dropSession();
        if (this.#isStopped) return;
        await this.#wait(Math.min(this.#limits.reconnectCapMs, this.#limits.reconnectBaseMs * 2 ** attempt++));
      }
    }
  }

  /** Another process reads this database for the same log: it speaks, and this one is silent. */
  #standDown(error: TidemarkError): void {
    this.#context?.logger.error({ err: error }, "another reader speaks for this source; this one has stopped");
    this.#dropSession();
  }

  async #reconnect(): Promise<SqlSession> {
    const session = await this.#options.database.connect();
    try {
      await this.#say({ status: "catching_up", reason: "connected again, reading what was missed" });
      await this.#attach(session);
      return session;
    } catch (error) {
      this.#session = undefined;
      await session.close().catch(() => {});
      throw error;
    }
  }

  async #readUntilLost(session: SqlSession): Promise<void> {
    const { clock } = this.#need(this.#context);
    const reader = this.#need(this.#reader);
    const lease = this.#need(this.#lease);
    let pace = firstPace(clock.monotonic(), this.#limits);
    let renewedMs = clock.monotonic();
    let prunedMs = renewedMs;
    // What was read is deleted in the second round after it.
    let pruneRounds = 0;
    while (this.#session === session && !this.#isStopped) {
      const beganMs = clock.monotonic();
      const changes = await reader.read(session);
      if (changes > 0) pruneRounds = 2;
      const nowMs = clock.monotonic();
      const { position, appended } = reader;
      if (position !== undefined && nowMs - renewedMs >= this.#limits.renewMs) {
        renewedMs = nowMs;
        if (await reader.haveShapesChanged(session)) throw new TidemarkError("SOURCE_DOWN", "a table was altered; looking at all of them again");
        if (!(await lease.renew(session, position))) await reader.copyAll(session);
        await lease.forgetMutations(session, this.#limits.mutationWindowMs);
      }
      if (appended !== undefined && pruneRounds > 0 && nowMs - prunedMs >= this.#limits.pruneMs) {
        prunedMs = nowMs;
        pruneRounds--;
        await lease.prune(session, appended);
      }
      pace = nextPace(pace, { changes, nowMs, readMs: nowMs - beganMs, maySleep: this.#mayRing && !lease.isShared }, this.#limits);
      if (pace.isAsleep !== lease.isAsleep) {
        await lease.setAsleep(session, pace.isAsleep);
        // One more read before sleeping: who wrote until now may not have heard that they should ring.
        if (pace.isAsleep) continue;
      }
      await this.#wait(pace.delayMs);
    }
  }

  /** A network that says nothing must not look like a database where nothing happens. */
  async #withDeadline<T>(reading: Promise<T>): Promise<T> {
    const { readTimeoutMs } = this.#limits;
    let cancel: Cancel = () => {};
    const timeout = new Promise<never>((_, reject) => {
      cancel = this.#need(this.#context).clock.after(readTimeoutMs, () => {
        reject(new TidemarkError("SOURCE_DOWN", `no answer for ${readTimeoutMs} ms`));
      });
    });
    // Whichever comes second has nobody waiting for it any more.
    reading.catch(() => {});
    timeout.catch(() => {});
    try {
      return await Promise.race([reading, timeout]);
    } finally {
      cancel();
    }
  }

  /** Waits, or less when the bell rings, the connection is lost, or we stop. */
  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {};
      const done = (): void => {
        cancel();
        this.#hasRung = false;
        this.#wake = () => {};
        resolve();
      };
      this.#wake = done;
      cancel = this.#need(this.#context).clock.after(delayMs, done);
      if (this.#isStopped || this.#hasRung) done();
    });
  }

  #stale(reason: string): void {
    // Behind the rows that were appended before, in the order of the log; a log that takes nothing has nothing newer to show either.
    if (!this.#isStopped) this.#say({ status: "stale", reason }).catch((error: unknown) => this.#context?.logger.warn({ err: error }, "status could not be appended"));
  }

  /** Of all channels that are read. Saying the same twice is no news. */
  async #say(status: SourceStatus): Promise<void> {
    const { channels } = this.#need(this.#reader);
    const text = JSON.stringify([status, channels]);
    if (this.#said === text) return;
    this.#said = text;
    await this.#need(this.#context).append({ changes: [], status: [{ channels, status }] }).catch((error: unknown) => {
      this.#said = "";
      throw error;
    });
  }

  #dropSession(): void {
    const session = this.#session;
    this.#session = undefined;
    // Not waited for: the other side may never answer.
    session?.close().catch(() => {});
  }

  #explain(error: unknown): string {
    return `${this.#options.database.label}: ${messageOf(error)}`;
  }

  #need<T>(value: T | undefined): T {
    if (value === undefined) throw new Error("Invariant broken: used before start");
    return value;
  }
}

function declarationOf({ channel, key, columns }: Table, bounds: Partial<ChannelBounds> | undefined): ChannelDeclaration {
  return declareChannel({
    name: channel,
    key: key.map(({ name }) => name),
    columns: columns.map(({ name, type }) => ({ name, type })),
    ...(bounds !== undefined && { bounds }),
  });
}

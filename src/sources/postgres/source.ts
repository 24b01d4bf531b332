/**
 * The Postgres source by triggers and outbox: finds tables, installs what it needs, copies, then
 * reads what became visible, on one connection. A lost connection makes its channels stale at
 * once, is tried again with growing pauses, and continues where it stood.
 */
import { assert } from "../../std/assert.ts";
import type { Cancel } from "../../std/clock.ts";
import { messageOf, TidemarkError } from "../../std/errors.ts";
import { connectSoon } from "./connect-soon.ts";
import { ObservedSession } from "./observed-session.ts";
import { declareChannel, type ChannelDeclaration } from "../../log/channel.ts";
import type { ChannelBounds } from "../../log/limits.ts";
import type { SourceStatus } from "../../log/log.ts";
import type { Source, SourceContext } from "../source.ts";
import { install, releaseFormer, type Installed } from "./install.ts";
import { Lease } from "./lease.ts";
import { POSTGRES_LIMITS, type PostgresLimits } from "./limits.ts";
import { firstPace, nextPace } from "./pacing.ts";
import { Reader } from "./reader.ts";
import { BELL, ensureSchema } from "./schema.ts";
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
  /**
   * Roles whose tables are served although Postgres then runs their functions (in indexes, statistics, partitions)
   * with the connecting role's rights. Default: none but that role itself, and superusers.
   */
  readonly trustedOwners?: readonly string[];
  /** Roles that may call `tidemark.position()` in their own transactions. Default: the connecting role alone. */
  readonly positionRoles?: readonly string[];
  /** Bounds of each table's channel. Default: 100,000 rows, 256 MiB. */
  readonly bounds?: Partial<ChannelBounds>;
  readonly limits?: Partial<PostgresLimits>;
  /** Told once, after the first start. */
  readonly onInstalled?: (report: PostgresReport) => void;
}

export interface PostgresReport extends Omit<Installed, "failed"> {
  readonly createdSchema: boolean;
  readonly database: string;
  /** What works, and should not stay as it is. */
  readonly warnings: readonly string[];
  readonly tables: readonly string[];
  readonly refused: readonly Refused[];
}

/** Between looks at whether Postgres answers. */
const WATCH_MS = 250;

export class PostgresSource implements Source {
  readonly name: string;
  readonly writer: Writer;
  readonly #writes: SqlWrites;
  readonly #options: PostgresSourceOptions;
  readonly #limits: PostgresLimits;
  #context: SourceContext | undefined;
  #reader: Reader | undefined;
  #lease: Lease | undefined;
  #session: ObservedSession | undefined;
  #stopWatch: Cancel = () => {};
  /** Something else than `live` was said since it last was. */
  #isUnwell = true;
  /** Work is under way that takes what it takes. */
  #isBusy = false;
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
      limits: this.#limits,
      table: (channel) => this.#reader?.table(channel),
      prunedTo: () => this.#lease?.prunedTo?.text,
      onFailed: (id, error) =>
        this.#context?.logger.error({ mutation: id, err: error }, "mutation failed"),
    });
  }

  async start(context: SourceContext): Promise<void> {
    this.#context = context;
    const { database, trustedOwners = [], positionRoles = [], tables: wanted } = this.#options;
    const session = this.#observed(
      await database.connect().catch((cause: unknown) => {
        throw new TidemarkError(
          "SOURCE_DOWN",
          `Can't connect to ${database.label}: ${messageOf(cause)}.`,
          { cause },
        );
      }),
    );
    try {
      const { tables, refused } = await findTables(session, { wanted, trustedOwners });
      if (tables.length === 0) {
        const reasons = refused.map(({ table, reason }) => `${table}: ${reason}`).join(" ");
        throw new TidemarkError(
          "TABLE_REFUSED",
          `No table of ${database.label} can be live. ${reasons || "It has none."}`,
        );
      }
      const createdSchema = await ensureSchema(session, positionRoles);
      const { failed, ...installed } = await install(session, tables, this.#limits.lockTimeoutMs);
      await releaseFormer(session);
      const channels = tables.map((table) => declarationOf(table, this.#options.bounds));
      await context.append({ changes: [], declares: channels });
      for (const { table, reason } of refused) context.refuse({ table, reason });
      this.#lease = new Lease({
        readerId: context.random.id(16),
        leaseSeconds: this.#limits.leaseSeconds,
      });
      this.#reader = new Reader({
        tables,
        failed,
        trustedOwners,
        bounds: new Map(channels.map(({ name, bounds }) => [name, bounds])),
        limits: this.#limits,
        lease: this.#lease,
        context,
        onLongWork: (isBusy) => (this.#isBusy = isBusy),
      });
      const warnings = await warningsOf(session, tables);
      for (const warning of warnings) context.logger.warn({ database: database.label }, warning);
      this.#options.onInstalled?.({
        ...installed,
        createdSchema,
        database: database.label,
        tables: channels.map(({ name }) => name),
        refused,
        warnings,
      });
      await this.#attach(session);
    } catch (error) {
      await session.close();
      throw error;
    }
    // Who begins to watch does not wait for the pause that suited nobody.
    const stopInterest = context.interest.onChange(() => {
      if (this.#session === undefined) this.#wake();
    });
    this.#watch();
    this.#loop = this.#run().finally(stopInterest);
  }

  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#stopWatch();
    this.#wake();
    const { clock } = this.#context ?? {};
    // One that waits for an answer that does not come is not waited for.
    const cancel = clock?.after(this.#limits.answerMsMax, () => this.#session?.abandon());
    await this.#loop;
    cancel?.();
    await this.#writes.close();
    const session = this.#session;
    this.#session = undefined;
    if (session === undefined) return;
    // Best effort: without it the lease ends by itself.
    await this.#lease?.end(session).catch(() => {});
    await session.close().catch(() => {});
  }

  /** Makes a connection the one that is read from. */
  async #attach(session: ObservedSession): Promise<void> {
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
    const [settings] = await session.query(
      "SELECT current_setting('max_prepared_transactions')::int AS two_phase",
    );
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
        if (error instanceof TidemarkError && error.code === "SUPERSEDED")
          return this.#standDown(error);
        this.#stale(this.#explain(error));
        this.#dropSession();
        if (this.#isStopped) return;
        await this.#wait(Math.min(this.#pauseMsMax, this.#limits.reconnectBaseMs * 2 ** attempt++));
      }
    }
  }

  /** Another process reads this database for the same log: it speaks, and this one is silent. */
  #standDown(error: TidemarkError): void {
    this.#context?.logger.error(
      { err: error },
      "another reader speaks for this source; this one has stopped",
    );
    this.#stopWatch();
    this.#dropSession();
  }

  async #reconnect(): Promise<ObservedSession> {
    const { clock } = this.#need(this.#context);
    const session = this.#observed(
      await connectSoon(this.#options.database, clock, this.#limits.reconnectWatchedMsMax),
    );
    try {
      await this.#say({
        status: "catching_up",
        reason: "connected again, reading what was missed",
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

  /** A database, or a network, that says nothing must not look like one where nothing happens. */
  #watch(): void {
    if (this.#isStopped) return;
    const { clock } = this.#need(this.#context);
    const { answerMsMax, readTimeoutMs, copyTimeoutMs } = this.#limits;
    const quietMs = this.#session?.quietMs ?? 0;
    if (quietMs >= answerMsMax) {
      if (this.#isBusy)
        this.#report({ status: "catching_up", reason: "a long statement is under way" });
      else this.#stale(`no answer from Postgres for ${answerMsMax / 1_000} s`);
    }
    if (quietMs >= (this.#isBusy ? copyTimeoutMs : readTimeoutMs)) this.#session?.abandon();
    this.#stopWatch = clock.after(WATCH_MS, () => this.#watch());
  }

  async #readUntilLost(session: ObservedSession): Promise<void> {
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
      if (this.#isUnwell) await this.#say({ status: "live" });
      if (changes > 0) pruneRounds = 2;
      const nowMs = clock.monotonic();
      const { position, appended } = reader;
      if (position !== undefined && nowMs - renewedMs >= this.#limits.renewMs) {
        renewedMs = nowMs;
        if (!(await lease.renew(session, position))) await reader.copyAll(session);
        await this.#long(() => lease.forgetMutations(session, this.#limits));
      }
      if (appended !== undefined && pruneRounds > 0 && nowMs - prunedMs >= this.#limits.pruneMs) {
        prunedMs = nowMs;
        pruneRounds--;
        await this.#long(() => lease.prune(session, appended));
      }
      pace = nextPace(
        pace,
        { changes, nowMs, readMs: nowMs - beganMs, maySleep: this.#mayRing && !lease.isShared },
        this.#limits,
      );
      if (pace.isAsleep !== lease.isAsleep) {
        await lease.setAsleep(session, pace.isAsleep);
        // One more read before sleeping: who wrote until now may not have heard that they should ring.
        if (pace.isAsleep) continue;
      }
      await this.#wait(pace.delayMs);
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
    this.#report({ status: "stale", reason });
  }

  /** Behind the rows that were appended before, in the order of the log; a log that takes nothing has nothing newer to show either. */
  #report(status: SourceStatus): void {
    if (!this.#isStopped)
      this.#say(status).catch((error: unknown) =>
        this.#context?.logger.warn({ err: error }, "status could not be appended"),
      );
  }

  /** Of all channels that are read. Saying the same twice is no news. */
  async #say(status: SourceStatus): Promise<void> {
    const { channels } = this.#need(this.#reader);
    const text = JSON.stringify([status, channels]);
    this.#isUnwell = status.status !== "live";
    if (this.#said === text) return;
    this.#said = text;
    await this.#need(this.#context)
      .append({ changes: [], status: [{ channels, status }] })
      .catch((error: unknown) => {
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
    assert(value !== undefined, "used after start");
    return value;
  }
}

/** What a role may do that need not, and writes that can't be seen. */
async function warningsOf(
  session: SqlSession,
  tables: readonly Table[],
): Promise<readonly string[]> {
  const [role] = await session.query(
    "SELECT rolname AS name, rolsuper AS super FROM pg_roles WHERE rolname = current_user",
  );
  const notOwned = tables.filter(({ isOwned }) => !isOwned).map(({ channel }) => channel);
  const warnings: string[] = [];
  if (role?.["super"] === true && !session.isShared) {
    warnings.push(
      `Connected as ${String(role["name"])}, a superuser. Use a role that can read the tables and no more: tidemark doctor prints the SQL that makes one.`,
    );
  }
  if (notOwned.length > 0) {
    warnings.push(
      `Writes under session_replication_role = replica are not captured on ${notOwned.join(", ")}: only the owner can have triggers fire for them (ALTER TABLE … ENABLE ALWAYS TRIGGER …).`,
    );
  }
  return warnings;
}

function declarationOf(
  { channel, key, columns }: Table,
  bounds: Partial<ChannelBounds> | undefined,
): ChannelDeclaration {
  return declareChannel({
    name: channel,
    key: key.map(({ name }) => name),
    columns: columns.map(({ name, type }) => ({ name, type })),
    ...(bounds !== undefined && { bounds }),
  });
}

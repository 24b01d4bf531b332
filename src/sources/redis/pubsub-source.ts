/**
 * Redis pub/sub as live tables. Pub/sub loses what is published while nobody listens, so a table
 * is read from its store whenever messages may have been lost; messages that arrive meanwhile lie
 * on top of what the read returns. One loop keeps the connection, another one appends: messages,
 * finished reads and fences, in the order in which they came.
 */
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { KeyedRow } from "../../log/log.ts";
import type { Source, SourceContext, SourceDraft } from "../source.ts";
import { BadMessages } from "./bad-messages.ts";
import { RedisConnection } from "./connection.ts";
import { appendSurely } from "../append-surely.ts";
import { Draft } from "../draft.ts";
import { FIXED_REDIS_LIMITS, redisLimits, type RedisLimits } from "./limits.ts";
import { loadRedis, type RedisDriver } from "./load-redis.ts";
import type { RedisPubSubOptions } from "./options.ts";
import { Pauses } from "../pauses.ts";
import { pubSubTables, type PubSubTable } from "./pubsub-table.ts";
import { readRows } from "./read-rows.ts";
import { StatusBoard } from "../status-board.ts";
import { parseMessage, tablesOf, type RowsMessage, type Tables } from "./tables.ts";

/** What the appending loop takes, in order. */
type Item =
  | RowsMessage
  | {
      readonly kind: "read";
      readonly of: PubSubTable;
      readonly rows: readonly KeyedRow[];
      readonly fencedMs: number;
    }
  | { readonly kind: "failed"; readonly of: PubSubTable; readonly error: unknown }
  /** All messages that were published before this time stand before it. */
  | { readonly kind: "fence"; readonly unixMs: number };

const RECONCILE_INTERVAL_MS = 30_000;
const LONG_MS = 60_000;

export class RedisPubSubSource implements Source {
  readonly name: string;
  readonly #options: RedisPubSubOptions;
  readonly #declared: Tables;
  readonly #tables: ReadonlyMap<string, PubSubTable>;
  readonly #limits: RedisLimits;
  readonly #board: StatusBoard;
  readonly #linkPauses = new Pauses();
  readonly #appendPauses = new Pauses();
  readonly #retryPauses = new Pauses();
  #items: Item[] = [];
  #queuedRows = 0;
  #context!: SourceContext;
  #driver!: RedisDriver;
  #bad!: BadMessages;
  #link: RedisConnection | undefined;
  #hasTriedLink = false;
  /** Counts messages, for the keys of rows that have none. */
  #messages = 0;
  #asOfMs = 0;
  #isStopped = false;
  #onFirst: () => void = () => {};
  #running: Promise<unknown> = Promise.resolve();

  /** @throws TidemarkError `BAD_OPTION` */
  constructor(options: RedisPubSubOptions) {
    this.name = options.name ?? "redis-pubsub";
    this.#options = options;
    this.#limits = redisLimits(options.limits);
    this.#declared = tablesOf(options.channels);
    if (options.subscribe.length === 0)
      throw new TidemarkError("BAD_OPTION", "Name at least one pub/sub channel in subscribe.");
    this.#tables = pubSubTables(this.#declared, options, this.#limits);
    this.#board = new StatusBoard(this.#channels, { status: "catching_up", reason: "starting" });
  }

  get #channels(): readonly string[] {
    return Array.from(this.#tables.values(), ({ channel }) => channel);
  }

  /** Resolves after the first attempt to connect, and the first read of each table. */
  async start(context: SourceContext): Promise<void> {
    this.#context = context;
    this.#bad = new BadMessages(context, `${this.name}: messages`);
    this.#driver = await loadRedis();
    const status = this.#board.pending();
    const declares = Array.from(this.#declared.values(), ({ declaration }) => declaration);
    await context.append({ changes: [], declares, status });
    this.#board.told(status);
    if (this.#isStopped) return;
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    const stopInterest = context.interest.onChange(() => this.#appendPauses.end());
    this.#running = Promise.all([this.#keepLink(), this.#keepAppending()]).finally(stopInterest);
    await first;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#link?.close();
    this.#linkPauses.end();
    this.#appendPauses.end();
    this.#retryPauses.end();
    this.#onFirst();
    await this.#running;
  }

  async #keepLink(): Promise<void> {
    const { clock } = this.#context;
    const address = { driver: this.#driver, url: this.#options.url, clock, limits: this.#limits };
    const { reconnectBaseMs, reconnectCapMs } = this.#limits;
    let attempt = 0;
    while (!this.#isStopped) {
      let lost: string | undefined;
      try {
        const link = await RedisConnection.open(address);
        this.#link = link;
        link.onLost((reason) => {
          lost = reason;
          this.#linkPauses.end();
        });
        if (this.#isStopped) return link.close();
        await link.subscribe(this.#options.subscribe, (_channel, text) => this.#receive(text));
        attempt = 0;
        this.#connected();
        await this.#fenceUntilLost(link);
      } catch (error) {
        this.#link?.close();
        this.#link = undefined;
        if (this.#isStopped) return;
        this.#disconnected(lost ?? messageOf(error));
      }
      const pauseMs = Math.min(reconnectCapMs, reconnectBaseMs * 2 ** attempt++);
      await this.#linkPauses.pause(clock, pauseMs);
    }
  }

  /** Says again and again up to which time all messages have come. */
  async #fenceUntilLost(link: RedisConnection): Promise<void> {
    const { clock } = this.#context;
    while (!this.#isStopped) {
      const unixMs = clock.now();
      await link.fence();
      this.#push({ kind: "fence", unixMs });
      await this.#linkPauses.pause(clock, FIXED_REDIS_LIMITS.asOfIntervalMs);
    }
  }

  #connected(): void {
    this.#hasTriedLink = true;
    for (const table of this.#tables.values()) {
      table.lose();
      if (table.read === undefined) {
        table.forgive();
        this.#board.set([table.channel], { status: "live" });
      } else
        this.#board.set([table.channel], {
          status: "catching_up",
          reason: "connected; reading what was missed",
        });
    }
    this.#appendPauses.end();
  }

  #disconnected(reason: string): void {
    this.#hasTriedLink = true;
    for (const table of this.#tables.values()) table.lose();
    this.#board.set(this.#channels, { status: "stale", reason: `Redis: ${reason}` });
    this.#appendPauses.end();
  }

  #receive(text: string): void {
    const { clock } = this.#context;
    const id = `${clock.now()}-${this.#messages++}`;
    const message = parseMessage(text, this.#declared, {
      id,
      lengthMax: this.#limits.messageLengthMax,
    });
    if (message.kind === "bad") return this.#bad.note(message.cause, text);
    const table = this.#tables.get(message.table.name);
    if (message.kind === "rows") return this.#push(message);
    if (table?.read === undefined)
      return this.#bad.note(`table "${message.table.name}" has no read for table_update`, text);
    table.notice();
    this.#appendPauses.end();
  }

  #push(item: Item): void {
    if (item.kind === "rows") {
      this.#queuedRows += item.upserts.length + item.removes.length;
      if (this.#queuedRows > this.#limits.queuedRowsMax) this.#drop();
    }
    this.#items.push(item);
    this.#appendPauses.end();
  }

  /** More messages wait than may: they are dropped, and the tables are read anew. */
  #drop(): void {
    this.#items = this.#items.filter(({ kind }) => kind !== "rows");
    this.#context.logger.warn(
      { source: this.name, rows: this.#queuedRows },
      "messages came faster than the log took them; they were dropped",
    );
    this.#queuedRows = 0;
    for (const table of this.#tables.values()) {
      if (table.read === undefined) continue;
      table.lose();
      this.#board.set([table.channel], {
        status: "catching_up",
        reason: "too many messages came at once; the table is read anew",
      });
    }
  }

  async #keepAppending(): Promise<void> {
    const { clock } = this.#context;
    while (!this.#isStopped) {
      try {
        const isIdle = await this.#appendNext();
        const nextReadMs = this.#startReads();
        this.#tellFirst();
        if (isIdle) await this.#appendPauses.pause(clock, nextReadMs);
      } catch (error) {
        if (error instanceof TidemarkError && error.code === "SUPERSEDED") {
          this.#context.logger.error(
            { source: this.name, err: error },
            "another reader appends for this source; this one has stopped",
          );
          this.#isStopped = true;
          this.#link?.close();
          this.#linkPauses.end();
        } else if (!this.#isStopped) throw error;
      }
    }
    this.#onFirst();
  }

  /** Appends what waits, in commits of at most `rowsMax` rows. Returns whether nothing waits. */
  async #appendNext(): Promise<boolean> {
    const draft = new Draft();
    let taken = 0;
    for (const item of this.#items) {
      if (draft.rows > 0 && draft.rows + sizeOf(item) > this.#limits.rowsMax) break;
      this.#take(draft, item);
      taken++;
    }
    this.#items.splice(0, taken);
    this.#tellReadable();
    const { changes } = draft;
    const status = this.#board.pending();
    const asOfMs = this.#freshness(changes.length > 0 || status.length > 0);
    if (changes.length > 0 || status.length > 0 || asOfMs !== undefined) {
      await this.#append({
        changes,
        ...(status.length > 0 && { status }),
        ...(asOfMs !== undefined && { asOfMs }),
      });
      this.#board.told(status);
      this.#asOfMs = asOfMs ?? this.#asOfMs;
    }
    return this.#items.length === 0;
  }

  /** Messages that were taken do not come again. */
  #append(draft: SourceDraft): Promise<void> {
    return appendSurely(draft, {
      context: this.#context,
      source: this.name,
      baseMs: this.#limits.reconnectBaseMs,
      capMs: this.#limits.reconnectCapMs,
      pauses: this.#retryPauses,
      isStopped: () => this.#isStopped,
    });
  }

  #take(draft: Draft, item: Item): void {
    switch (item.kind) {
      case "rows": {
        this.#queuedRows -= sizeOf(item);
        const table = this.#tables.get(item.table.name);
        if (table === undefined) return;
        draft.add(table.channel, table.take(item.upserts, item.removes), item.removes);
        return;
      }
      case "read": {
        const { of: table, rows, fencedMs } = item;
        const change = table.endRead(rows, fencedMs, this.#context.clock.monotonic());
        if (change === undefined) return;
        if (change.isReload) draft.reload(table.channel, change.upserts);
        else draft.add(table.channel, change.upserts, change.removes);
        if (this.#link !== undefined && !table.isMissing && this.#isFresh(table))
          this.#board.set([table.channel], { status: "live" });
        return;
      }
      case "failed": {
        const { of: table, error } = item;
        table.failRead(this.#context.clock.monotonic());
        this.#context.logger.warn(
          { source: this.name, channel: table.channel, err: error },
          "read failed",
        );
        if (this.#link !== undefined)
          this.#board.set([table.channel], {
            status: "stale",
            reason: `read failed: ${messageOf(error)}`,
          });
        return;
      }
      case "fence":
        for (const table of this.#tables.values()) table.fence(item.unixMs);
    }
  }

  /** A live table holds everything up to the freshness that the log has. */
  #isFresh(table: PubSubTable): boolean {
    return !table.isNoticed || table.completeToMs >= this.#asOfMs;
  }

  /** A notice about a table that nobody watches: it is read when somebody does. */
  #tellReadable(): void {
    const watched = this.#watched();
    for (const table of this.#tables.values())
      if (
        table.isNoticed &&
        !watched.has(table.channel) &&
        this.#board.of(table.channel) === "live"
      )
        this.#board.set([table.channel], {
          status: "catching_up",
          reason: "it has changed, and is read when a view of it is watched",
        });
  }

  /** The time up to which all live tables are complete, if it is due to be told. */
  #freshness(isCommit: boolean): number | undefined {
    const live = [...this.#tables.values()].filter(
      ({ channel }) => this.#board.of(channel) === "live",
    );
    const asOfMs = Math.min(...live.map(({ completeToMs }) => completeToMs));
    const stepMs = isCommit ? 1 : FIXED_REDIS_LIMITS.asOfIntervalMs;
    return live.length > 0 && asOfMs - this.#asOfMs >= stepMs ? asOfMs : undefined;
  }

  #watched(): ReadonlySet<string> {
    return new Set(this.#context.interest.views.map(({ channel }) => channel));
  }

  /** Starts the reads that are due, and returns how long it is until the next one is. */
  #startReads(): number {
    const nowMs = this.#context.clock.monotonic();
    const { reconcileIntervalMs = RECONCILE_INTERVAL_MS } = this.#options;
    const watched = this.#watched();
    let nextMs = LONG_MS;
    // What a read returns before the first message can arrive would be read once more.
    if (!this.#hasTriedLink) return nextMs;
    for (const table of this.#tables.values()) {
      const isWatched = watched.has(table.channel);
      const dueMs = table.readDueMs({ isWatched, reconcileIntervalMs });
      if (dueMs === undefined) continue;
      if (dueMs <= nowMs) this.#startRead(table, nowMs);
      else nextMs = Math.min(nextMs, dueMs - nowMs);
    }
    return nextMs;
  }

  #startRead(table: PubSubTable, nowMs: number): void {
    const { clock } = this.#context;
    const { read } = table;
    if (read === undefined) return;
    table.beginRead(clock.now(), nowMs);
    const run = async (): Promise<Item> => {
      const rows = await readRows(table.table, read, { clock, limits: this.#limits });
      const fencedMs = clock.now();
      // Messages about changes that the read has seen are then in the queue before it. Without a
      // connection the table is read again anyway.
      await this.#link?.fence().catch(() => {});
      return { kind: "read", of: table, rows, fencedMs };
    };
    void run()
      .catch((error: unknown): Item => ({ kind: "failed", of: table, error }))
      .then((item) => this.#push(item));
  }

  /** The start is over when each table was read, or could not be. */
  #tellFirst(): void {
    const isReading = [...this.#tables.values()].some((table) => table.isReading);
    if (this.#hasTriedLink && !isReading && this.#items.length === 0) this.#onFirst();
  }
}

function sizeOf(item: Item): number {
  if (item.kind === "rows") return item.upserts.length + item.removes.length;
  return item.kind === "read" ? item.rows.length : 0;
}

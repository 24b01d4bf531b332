/**
 * A Redis stream as live tables. The log is filled in the order of the stream, whoever was given
 * an entry: the source position is the id of the last entry in the log, and the consumer group
 * only says which entries are durable. Each (re)connection therefore first takes what the group
 * was given after the source position, then what is new. An entry is acknowledged when the
 * history store holds its rows, so an entry that is given again is either missing in the log, or
 * at or below the source position.
 */
import { messageOf, TidemarkError } from "../../std/errors.ts";
import type { SourceStatus } from "../../log/log.ts";
import type { Source, SourceContext } from "../source.ts";
import { BadMessages } from "./bad-messages.ts";
import { Draft } from "../draft.ts";
import { InFlight } from "./in-flight.ts";
import { FIXED_REDIS_LIMITS, redisLimits, type RedisLimits } from "./limits.ts";
import { loadRedis, type RedisDriver } from "./load-redis.ts";
import type { RedisStreamOptions } from "./options.ts";
import { Pauses } from "../pauses.ts";
import { StatusBoard } from "../status-board.ts";
import { StreamGaps } from "./stream-gaps.ts";
import { compareIds, laterId } from "./stream-id.ts";
import { StreamLink, type StreamEntry, type StreamPlace } from "./stream-link.ts";
import { emptyStep, stepsOf, type Step } from "./stream-steps.ts";
import { parseMessage, tablesOf, type RowsMessage, type Tables } from "./tables.ts";

export class RedisStreamSource implements Source {
  readonly name: string;
  readonly #options: RedisStreamOptions;
  readonly #place: StreamPlace;
  readonly #tables: Tables;
  readonly #channels: readonly string[];
  readonly #limits: RedisLimits;
  readonly #board: StatusBoard;
  readonly #gaps = new StreamGaps();
  readonly #backoff = new Pauses();
  #context!: SourceContext;
  #driver!: RedisDriver;
  #bad!: BadMessages;
  #inFlight!: InFlight;
  #link: StreamLink | undefined;
  /** The last entry that this source has read, or that the group was given before. */
  #readTo = "0-0";
  /** Every entry up to here is in the log, whoever was given it. */
  #coveredTo = "0-0";
  #hasBegun = false;
  #lastSeq = 0;
  #asOfMs = 0;
  #claimedMs = 0;
  #lookedMs = 0;
  /** Entries that were gone before they were read. */
  #lost = 0;
  #isStopped = false;
  #running: Promise<void> = Promise.resolve();

  /** @throws TidemarkError `BAD_OPTION` */
  constructor(options: RedisStreamOptions) {
    const { name = "redis", stream, group, consumer = "tidemark", field = "data" } = options;
    this.name = name;
    this.#options = options;
    this.#place = { stream, group, consumer, field };
    this.#tables = tablesOf(options.channels);
    this.#limits = redisLimits(options.limits);
    this.#channels = Array.from(this.#tables.values(), ({ declaration }) => declaration.name);
    this.#board = new StatusBoard(this.#channels, {
      status: "catching_up",
      reason: "reading the stream",
    });
  }

  start(context: SourceContext): Promise<void> {
    this.#context = context;
    this.#inFlight = new InFlight(context, this.#limits.inFlightRowsMax);
    const started = this.#start();
    this.#running = started.catch(() => {});
    return started;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#backoff.end();
    this.#inFlight?.wake();
    this.#link?.close();
    await this.#running;
  }

  async #start(): Promise<void> {
    const context = this.#context;
    this.#driver = await loadRedis();
    this.#bad = new BadMessages(context, `${this.name}: stream ${this.#place.stream}`);
    const status = this.#board.pending();
    const declares = Array.from(this.#tables.values(), ({ declaration }) => declaration);
    await context.append({ changes: [], declares, status });
    this.#board.told(status);
    await this.#attempt();
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#isStopped) {
      if (await this.#attempt()) attempt = 0;
      if (this.#isStopped) return;
      const { reconnectBaseMs, reconnectCapMs } = this.#limits;
      const pauseMs = Math.min(reconnectCapMs, reconnectBaseMs * 2 ** attempt++);
      if (this.#link === undefined) await this.#backoff.pause(this.#context.clock, pauseMs);
    }
  }

  /**
   * Connects and takes what is there, or, where that is done, follows until the connection is
   * lost. Returns whether it was connected.
   */
  async #attempt(): Promise<boolean> {
    const link = this.#link;
    try {
      if (link === undefined) await this.#attach();
      else await this.#follow(link);
      return true;
    } catch (error) {
      await this.#fail(error);
      return link !== undefined;
    }
  }

  async #fail(error: unknown): Promise<void> {
    this.#link?.close();
    this.#link = undefined;
    if (this.#isStopped || this.#hasStoodDown(error)) return;
    this.#board.set(this.#channels, { status: "stale", reason: `Redis: ${messageOf(error)}` });
    this.#context.logger.warn({ source: this.name, err: error }, "the Redis stream can't be read");
    await this.#append(emptyStep(), undefined).catch((failed: unknown) => {
      // The status goes with the next commit.
      this.#hasStoodDown(failed);
    });
  }

  /** Another process appends for this source. That one goes on, and this one stops. */
  #hasStoodDown(error: unknown): boolean {
    if (!(error instanceof TidemarkError && error.code === "SUPERSEDED")) return false;
    this.#isStopped = true;
    this.#context.logger.error(
      { source: this.name, err: error },
      "another reader appends for this source; this one has stopped",
    );
    return true;
  }

  async #attach(): Promise<void> {
    const { clock } = this.#context;
    const address = { driver: this.#driver, url: this.#options.url, clock, limits: this.#limits };
    const link = await StreamLink.open(address, this.#place);
    this.#link = link;
    if (this.#isStopped) return link.close();
    const { delivered, entriesRead } = await link.begin();
    const before = this.#context.sourcePosition;
    if (!this.#hasBegun) {
      const isAhead = before !== undefined && compareIds(before, delivered) > 0;
      this.#gaps.begin(isAhead ? undefined : entriesRead);
    }
    await this.#takeDelivered(link, delivered);
    this.#readTo = laterId(this.#context.sourcePosition, delivered);
    this.#coveredTo = this.#readTo;
    const gone = await link.pending(
      before === undefined ? "-" : `(${before}`,
      await this.#look(link),
    );
    // Given to a consumer, not in the log, and no longer in the stream.
    this.#lose(gone.filter((id) => !this.#inFlight.has(id)).length);
    this.#hasBegun = true;
    for (let isWhole = false; !isWhole;) isWhole = await this.#readNew(link, undefined);
    void this.#acknowledgeOwn(link, delivered, this.#lastSeq).catch(() => {});
  }

  /** Entries after the source position that the group was given, and that the log lacks. */
  async #takeDelivered(link: StreamLink, delivered: string): Promise<void> {
    const { entriesMax } = this.#limits;
    for (;;) {
      const position = this.#context.sourcePosition;
      const from = position === undefined ? "-" : `(${position}`;
      if (position !== undefined && compareIds(position, delivered) >= 0) return;
      await this.#room();
      const entries = await link.range(from, delivered, entriesMax);
      if (this.#hasBegun) this.#gaps.read(entries.length);
      await this.#take(entries, { isAcknowledged: false });
      if (entries.length < entriesMax) return;
    }
  }

  async #follow(link: StreamLink): Promise<void> {
    const { clock } = this.#context;
    while (!this.#isStopped) {
      const nowMs = clock.monotonic();
      if (nowMs - this.#lookedMs >= FIXED_REDIS_LIMITS.asOfIntervalMs) await this.#look(link);
      if (nowMs - this.#claimedMs >= this.#limits.claimIdleMs) await this.#claim(link);
      await this.#readNew(link, this.#limits.blockMs);
    }
  }

  /** Reads once. Returns whether the log then holds everything that was in the stream. */
  async #readNew(link: StreamLink, blockMs: number | undefined): Promise<boolean> {
    const { clock } = this.#context;
    const { entriesMax } = this.#limits;
    await this.#room();
    const beganMs = clock.now();
    const entries = await link.read(entriesMax, blockMs);
    const isWhole = entries.length < entriesMax;
    this.#gaps.read(entries.length);
    for (const { id } of entries) this.#readTo = laterId(this.#readTo, id);
    if (isWhole) this.#board.set(this.#channels, this.#goodStatus);
    const asOfMs = isWhole && this.#lost === 0 ? beganMs : undefined;
    await this.#take(entries, { isAcknowledged: true, asOfMs, link });
    return isWhole;
  }

  get #goodStatus(): SourceStatus {
    if (this.#lost === 0) return { status: "live" };
    const what = this.#lost === 1 ? "1 entry was" : `${this.#lost} entries were`;
    return {
      status: "stale",
      reason: `${what} trimmed from the stream ${this.#place.stream} before this server read them; their rows are missing`,
    };
  }

  /** Waits while too many rows are not durable. */
  async #room(): Promise<void> {
    let isTold = false;
    while (this.#inFlight.isFull && !this.#isStopped) {
      await this.#inFlight.change(FIXED_REDIS_LIMITS.asOfIntervalMs);
      if (isTold || !this.#inFlight.isFull) continue;
      isTold = true;
      this.#board.set(this.#channels, {
        status: "catching_up",
        reason: `${this.#inFlight.rows} rows wait for the history store; the stream is read on when it holds them`,
      });
      await this.#append(emptyStep(), undefined);
    }
  }

  /** Appends entries in order; those that it reads for the first time are to be acknowledged. */
  async #take(
    entries: readonly StreamEntry[],
    options: {
      readonly isAcknowledged: boolean;
      readonly asOfMs?: number | undefined;
      readonly link?: StreamLink;
    },
  ): Promise<void> {
    const steps = stepsOf(entries, {
      position: this.#context.sourcePosition,
      rowsMax: this.#limits.rowsMax,
      parse: (entry) => this.#parsed(entry),
    });
    for (const [index, step] of steps.entries()) {
      const due = options.isAcknowledged ? step : { ...step, ids: [] };
      await this.#append(
        due,
        options.link,
        index === steps.length - 1 ? options.asOfMs : undefined,
      );
    }
  }

  #parsed({ id, text }: StreamEntry): RowsMessage | undefined {
    if (text === undefined) {
      this.#bad.note(`an entry has no field "${this.#place.field}"`, id);
      return undefined;
    }
    const options = { id, lengthMax: this.#limits.messageLengthMax };
    const message = parseMessage(text, this.#tables, options);
    if (message.kind === "rows") return message;
    this.#bad.note(
      message.kind === "bad" ? message.cause : "table_update is not for streams: use redisPubSub",
      text,
    );
    return undefined;
  }

  /** Appends what a step brings, if anything, and acknowledges it when it is durable. */
  async #append(
    { draft, ids, position }: Step,
    link: StreamLink | undefined,
    asOfMs?: number,
  ): Promise<void> {
    if (this.#isStopped) throw new TidemarkError("STOPPED", "The source has been stopped.");
    const { changes } = draft;
    const status = this.#board.pending();
    const isEmpty = position === undefined && status.length === 0;
    const isFreshnessDue =
      asOfMs !== undefined && asOfMs - this.#asOfMs >= FIXED_REDIS_LIMITS.asOfIntervalMs;
    if (!isEmpty || isFreshnessDue || (ids.length > 0 && this.#lastSeq === 0)) {
      this.#lastSeq = await this.#context.append({
        changes,
        ...(position !== undefined && { sourcePosition: position }),
        ...(status.length > 0 && { status }),
        ...(asOfMs !== undefined && { asOfMs }),
      });
      this.#board.told(status);
      this.#asOfMs = asOfMs ?? this.#asOfMs;
    }
    this.#settle(link, ids, draft.rows);
  }

  #settle(link: StreamLink | undefined, ids: readonly string[], rows: number): void {
    this.#inFlight.settle(this.#lastSeq, ids, rows, async (due) => link?.ack(due));
  }

  /** This consumer's entries of an earlier connection are in the log: acknowledges them. */
  async #acknowledgeOwn(link: StreamLink, through: string, seq: number): Promise<void> {
    await this.#context.durable(seq);
    for (let from = "-"; ;) {
      const ids = await link.pending(from, through, this.#place.consumer);
      await link.ack(ids);
      if (ids.length < FIXED_REDIS_LIMITS.idsMax) return;
      from = `(${ids.at(-1)}`;
    }
  }

  /** Takes over entries of consumers that no longer acknowledge. */
  async #claim(link: StreamLink): Promise<void> {
    let from = "0-0";
    do {
      const { next, ids, deleted } = await link.claim(this.#limits.claimIdleMs, from);
      const isMissing = (id: string): boolean =>
        compareIds(id, this.#coveredTo) > 0 && !this.#inFlight.has(id);
      this.#lose(deleted.filter(isMissing).length);
      const idle = ids.filter((id) => !this.#inFlight.has(id));
      // Given to another consumer while this one read: the log lacks it.
      const missed = idle.find(isMissing);
      if (missed !== undefined) await this.#replay(link, missed);
      this.#settle(link, idle, 0);
      from = next;
    } while (from !== "0-0");
    this.#claimedMs = this.#context.clock.monotonic();
  }

  /**
   * Appends the stream from `first` on again, as one step: rows of an entry that comes late must
   * not replace newer ones.
   */
  async #replay(link: StreamLink, first: string): Promise<void> {
    const { entriesMax, inFlightRowsMax } = this.#limits;
    let draft = new Draft();
    const append = async (): Promise<void> => {
      const { changes } = draft;
      draft = new Draft();
      this.#lastSeq = await this.#context.append({ changes });
    };
    for (let from = first; ;) {
      const entries = await link.range(from, this.#readTo, entriesMax);
      for (const entry of entries) {
        const message = this.#parsed(entry);
        if (message === undefined) continue;
        draft.add(message.table.declaration.name, message.upserts, message.removes);
        if (draft.rows >= inFlightRowsMax) await append();
      }
      if (entries.length < entriesMax) break;
      from = `(${entries.at(-1)?.id}`;
    }
    await append();
    this.#coveredTo = this.#readTo;
  }

  /**
   * Looks whether entries have gone before they were read. Returns the end of what has gone, as
   * the end of a range.
   */
  async #look(link: StreamLink): Promise<string> {
    const info = await link.info();
    this.#lookedMs = this.#context.clock.monotonic();
    this.#lose(this.#gaps.look(info, this.#readTo));
    return info.firstId === undefined ? "+" : `(${info.firstId}`;
  }

  #lose(entries: number): void {
    if (entries === 0) return;
    this.#lost += entries;
    this.#board.set(this.#channels, this.#goodStatus);
    this.#context.logger.error(
      { source: this.name, stream: this.#place.stream, entries },
      "entries were trimmed from the stream before they were read; their rows are missing",
    );
  }
}

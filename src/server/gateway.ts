/**
 * What clients say and what that does: HELLO, IDENTIFY, subscriptions, heartbeats and time-outs.
 * It seats cursors; the turns move them. Transports are handed in; it opens no socket itself.
 */
import type { Logger } from "pino";
import { messageOf, TidemarkError } from "../std/errors.ts";
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import { unreachable } from "../std/assert.ts";
import type { Log } from "../log/log.ts";
import { CLOSE } from "../protocol/close-codes.ts";
import type { DownMessage } from "../protocol/down.ts";
import type { Identify } from "../protocol/messages/identify.ts";
import type { Cursor, SubscriptionRequest } from "../protocol/messages/subscribe.ts";
import type { SnapshotReason } from "../protocol/messages/subscribed.ts";
import { parseSubscription, parseUp } from "../protocol/parse-up.ts";
import { PROTOCOL_VERSION } from "../protocol/version.ts";
import type { Replica } from "../table/replica.ts";
import { isBare } from "../table/view-id.ts";
import type { View } from "../table/view.ts";
import { policyFor, type Access, type ConnectionRequest, type Policy } from "./access.ts";
import { Frame } from "./frame.ts";
import type { ServerLimits } from "./limits.ts";
import { Session, type Identity, type Subscription, type Transport } from "./session.ts";
import type { Turns } from "./turns.ts";

export interface GatewayOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly replica: Replica;
  readonly turns: Turns;
  readonly access: Pick<Access, "identify">;
  readonly policies: ReadonlyMap<string, Policy>;
  readonly limits: ServerLimits;
  readonly logger: Logger;
}

/** A subscription that a client asked for and that has not been seated yet. */
interface Wish {
  readonly session: Session;
  readonly request: SubscriptionRequest;
  /** Of the message that asked. */
  readonly answerTo: { readonly id?: number; readonly index: number };
  /** The position of a snapshot taken over HTTP. */
  readonly bootstrap: { readonly epoch: string; readonly seq: number } | undefined;
}

/** A subscription's cursor and, where it can't be used, why. */
interface Start {
  readonly cursor: number | undefined;
  readonly reason: SnapshotReason;
}

export class Gateway {
  readonly #options: GatewayOptions;
  readonly #sessions = new Set<Session>();
  readonly #subscribers = new Map<View, Set<Session>>();
  readonly #requests = new WeakMap<Session, ConnectionRequest>();
  readonly #wishes: Wish[] = [];
  #subscriptions = 0;

  constructor(options: GatewayOptions) {
    this.#options = options;
  }

  get sessionCount(): number {
    return this.#sessions.size;
  }

  get subscriptionCount(): number {
    return this.#subscriptions;
  }

  subscribersOf(view: View): Iterable<Session> {
    return this.#subscribers.get(view) ?? [];
  }

  /** Serves everyone who watches a channel, for news about its status. */
  announce(channel: string): void {
    for (const [view, sessions] of this.#subscribers) {
      if (view.channel === channel) for (const session of sessions) this.#options.turns.serve(session);
    }
  }

  connect(transport: Transport, request: ConnectionRequest): Session {
    const { clock, random, limits } = this.#options;
    const session = new Session(`sess_${random.id(20)}`, transport, clock.monotonic());
    this.#sessions.add(session);
    this.#requests.set(session, request);
    this.#send(session, {
      op: "HELLO",
      protocol: PROTOCOL_VERSION,
      session_id: session.id,
      heartbeat_interval_ms: limits.heartbeatIntervalMs,
      identify_timeout_ms: limits.identifyTimeoutMs,
      server_time_unix_ms: clock.now(),
    });
    return session;
  }

  receive(session: Session, text: string): void {
    session.lastHeardMs = this.#options.clock.monotonic();
    if (session.phase.kind === "closed") return;
    if (session.phase.kind === "identifying") {
      if (session.phase.early.length < this.#options.limits.earlyFramesMax) session.phase.early.push(text);
      else this.#reject(session, new TidemarkError("BAD_MESSAGE", "Too many frames before READY."), CLOSE.badMessage);
      return;
    }
    try {
      this.#handle(session, text);
    } catch (error) {
      const known = error instanceof TidemarkError ? error : new TidemarkError("BAD_MESSAGE", messageOf(error));
      this.#reject(session, known, CLOSE.badMessage);
    }
  }

  /** The transport is gone. Views that only this session used begin to linger. */
  disconnected(session: Session, code: number): void {
    if (!this.#sessions.delete(session)) return;
    this.#options.logger.info({ session: session.id, code, subscriptions: session.subscriptions.size }, "session closed");
    for (const subscription of session.subscriptions.values()) this.#release(session, subscription);
    session.subscriptions.clear();
    session.phase = { kind: "closed" };
  }

  /** Closes the silent and the anonymous, and sends a watermark to who has not had one lately. */
  tick(): void {
    const { clock, limits, turns } = this.#options;
    const nowMs = clock.monotonic();
    for (const session of this.#sessions) {
      if (nowMs - session.lastHeardMs > limits.silenceMsMax) {
        session.transport.close(CLOSE.timeout, "nothing heard");
      } else if (session.phase.kind === "greeting" && nowMs - session.phase.sinceMs > limits.identifyTimeoutMs) {
        session.transport.close(CLOSE.timeout, "no IDENTIFY");
      } else if (session.phase.kind === "open" && nowMs - session.lastTurnMs >= limits.watermarkIntervalMs) {
        turns.serve(session);
      }
    }
  }

  closeAll(): void {
    for (const session of this.#sessions) session.transport.close(CLOSE.goingAway, "the server is stopping");
  }

  #handle(session: Session, text: string): void {
    const message = parseUp(text);
    switch (message.op) {
      case "IDENTIFY":
        if (session.phase.kind !== "greeting") throw new TidemarkError("BAD_MESSAGE", "IDENTIFY is sent once per connection.");
        this.#identify(session, message).catch((error: unknown) => {
          this.#options.logger.error({ err: error, session: session.id }, "identify failed");
          session.transport.close(CLOSE.badMessage, "INTERNAL");
        });
        return;
      case "HEARTBEAT":
        this.#send(session, {
          op: "HEARTBEAT_ACK",
          server_time_unix_ms: this.#options.clock.now(),
          ...(message.client_time_unix_ms !== undefined && { client_time_unix_ms: message.client_time_unix_ms }),
        });
        return;
      case "SUBSCRIBE":
        message.subscriptions.forEach((request, index) => {
          this.#enqueue({ session, request, answerTo: { ...(message.id !== undefined && { id: message.id }), index }, bootstrap: undefined });
        });
        return;
      case "UNSUBSCRIBE":
        for (const view of message.views) this.#unsubscribe(session, view);
        return;
      default:
        unreachable(message);
    }
  }

  async #identify(session: Session, message: Identify): Promise<void> {
    const { access, log, replica, logger } = this.#options;
    const early: string[] = [];
    session.phase = { kind: "identifying", early };
    let identity: Identity;
    try {
      identity = await access.identify(this.#requests.get(session) as ConnectionRequest, message.auth);
    } catch (error) {
      if (error instanceof TidemarkError) this.#reject(session, error, CLOSE.unauthenticated);
      return;
    }
    // `session.phase` was narrowed before the await; the client may have left meanwhile.
    if ((session.phase as Session["phase"]).kind === "closed") return;
    session.phase = { kind: "open", identity };
    logger.info({ session: session.id, subscriptions: message.subscriptions?.length ?? 0 }, "session opened");
    this.#send(session, { op: "DISPATCH", type: "READY", session_id: session.id, epoch: log.epoch, seq: replica.seq });
    const bootstrap = message.snapshot_seq === undefined ? undefined : { epoch: message.epoch ?? "", seq: message.snapshot_seq };
    (message.subscriptions ?? []).forEach((request, index) => this.#enqueue({ session, request, answerTo: { index }, bootstrap }));
    for (const text of early) this.receive(session, text);
  }

  /**
   * Subscriptions are seated one after another, a slice at a time: building a view reads its whole
   * channel, and many at once must not stop the loop.
   */
  #enqueue(wish: Wish): void {
    const { wishesMax } = this.#options.limits;
    if (this.#wishes.length >= wishesMax) {
      const message = `${wishesMax} subscriptions already wait to be seated. Try again.`;
      this.#send(wish.session, { op: "ERROR", code: "TOO_MANY_SUBSCRIPTIONS", message, retryable: true, ...wish.answerTo });
      return;
    }
    this.#wishes.push(wish);
    if (this.#wishes.length === 1) this.#seatWishes();
  }

  #seatWishes(): void {
    const { clock, limits } = this.#options;
    const endMs = clock.monotonic() + limits.sliceMs;
    for (let wish = this.#wishes[0]; wish !== undefined; wish = this.#wishes[0]) {
      this.#subscribe(wish);
      this.#wishes.shift();
      if (this.#wishes.length > 0 && clock.monotonic() >= endMs) {
        clock.soon(() => this.#seatWishes());
        return;
      }
    }
  }

  #subscribe({ session, request, answerTo, bootstrap }: Wish): void {
    const { replica, policies, limits, turns } = this.#options;
    if (session.phase.kind === "closed") return;
    try {
      if (session.phase.kind !== "open") throw new TidemarkError("NOT_IDENTIFIED", "Send IDENTIFY first.");
      const { query, cursor } = parseSubscription(request);
      const policy = policyFor(policies.get(query.channel), session.phase.identity, query.channel);
      const existing = session.subscriptions.get(replica.viewIdOf(query, policy));
      if (existing === undefined && session.subscriptions.size >= limits.subscriptionsPerSessionMax) {
        throw new TidemarkError("TOO_MANY_SUBSCRIPTIONS", `A connection has at most ${limits.subscriptionsPerSessionMax} subscriptions.`);
      }
      const view = replica.acquire(query, policy);
      if (existing !== undefined) this.#release(session, existing);
      // A snapshot over HTTP held whole channels; of other views it says nothing.
      const start = this.#startOf(view, cursor ?? (bootstrap !== undefined && isBare(query) ? { ...bootstrap, view: view.id } : undefined));
      this.#seat(session, { view, phase: { kind: "opening", ...start, request: answerTo }, isRestricted: policy !== undefined, statusVersion: 0 });
      turns.serveSoon(session);
    } catch (error) {
      const known = error instanceof TidemarkError ? error : new TidemarkError("INTERNAL", "The query could not be served; the server's log has the cause.", { cause: error });
      if (known.code === "INTERNAL") this.#options.logger.error({ err: error, session: session.id }, "subscription failed");
      this.#send(session, { op: "ERROR", code: known.code, message: known.message, retryable: known.retryable, ...answerTo });
    }
  }

  /** A cursor counts in its own epoch and view only, and not ahead of the log. */
  #startOf(view: View, cursor: Cursor | undefined): Start {
    const { log } = this.#options;
    if (cursor === undefined) return { cursor: undefined, reason: "no_cursor" };
    if (cursor.epoch !== log.epoch || cursor.seq > log.head) return { cursor: undefined, reason: "epoch" };
    if (cursor.view !== view.id) return { cursor: undefined, reason: "view" };
    return { cursor: cursor.seq, reason: "floor" };
  }

  #seat(session: Session, subscription: Subscription): void {
    session.subscriptions.set(subscription.view.id, subscription);
    this.#subscriptions++;
    const sessions = this.#subscribers.get(subscription.view);
    if (sessions === undefined) this.#subscribers.set(subscription.view, new Set([session]));
    else sessions.add(session);
  }

  #unsubscribe(session: Session, viewId: string): void {
    const subscription = session.subscriptions.get(viewId);
    if (subscription === undefined) return;
    session.subscriptions.delete(viewId);
    this.#release(session, subscription);
  }

  #release(session: Session, { view, phase }: Subscription): void {
    if (phase.kind === "sending") phase.cut.readers--;
    this.#subscriptions--;
    const sessions = this.#subscribers.get(view);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#subscribers.delete(view);
    this.#options.replica.release(view, this.#options.clock.monotonic());
  }

  #reject(session: Session, error: TidemarkError, closeCode: number): void {
    const { code, message, retryable } = error;
    this.#options.logger.warn({ session: session.id, code }, message);
    this.#send(session, { op: "ERROR", code, message, retryable });
    session.transport.close(closeCode, code);
  }

  /** Answers do not wait for a turn. A client that asks and never reads is cut off, not queued for. */
  #send(session: Session, message: DownMessage): void {
    if (session.phase.kind === "closed") return;
    if (session.transport.bufferedBytes > this.#options.limits.socketBufferBytesMax) {
      if (message.op !== "HEARTBEAT_ACK") session.transport.close(CLOSE.badMessage, "answers are not read");
      return;
    }
    session.transport.write([new Frame(JSON.stringify(message))]);
  }
}

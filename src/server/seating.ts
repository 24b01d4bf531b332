/**
 * Seats subscriptions: from a query, an identity's rights and perhaps a cursor to a place among a
 * view's subscribers. What a cursor is worth is decided here; the turns move it from there on.
 */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Log } from "../log/log.ts";
import type { DownMessage } from "../protocol/down.ts";
import type { Resync } from "../protocol/messages/resync.ts";
import type { Cursor, SubscriptionRequest } from "../protocol/messages/subscribe.ts";
import type { SnapshotReason } from "../protocol/messages/subscribed.ts";
import { parseSubscription } from "../protocol/parse-up.ts";
import type { Replica } from "../table/replica.ts";
import { differenceOf, isBare } from "../table/view-id.ts";
import type { View } from "../table/view.ts";
import { policyFor, type Policy } from "./access.ts";
import { viewMark } from "./http-stream.ts";
import type { ServerLimits } from "./limits.ts";
import type { Session, Subscription } from "./session.ts";
import type { Turns } from "./turns.ts";

export interface SeatingOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly replica: Replica;
  readonly turns: Turns;
  readonly policies: ReadonlyMap<string, Policy>;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  /** Answers one client at once. */
  readonly send: (session: Session, message: DownMessage) => void;
}

/** Where whole channels stand, or the views with these marks. */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
  readonly viewMarks?: ReadonlySet<string>;
}

/** A subscription that a client asked for and that has not been seated yet. */
export interface Wish {
  readonly session: Session;
  readonly request: SubscriptionRequest;
  /** Of the message that asked. */
  readonly answerTo: { readonly id?: number; readonly index: number };
  /** For subscriptions that name no cursor of their own. */
  readonly base: Position | undefined;
}

/** A subscription's cursor and, where it can't be used, why. */
interface Start {
  readonly cursor: number | undefined;
  readonly reason: SnapshotReason;
}

export class Seating {
  readonly #options: SeatingOptions;
  readonly #subscribers = new Map<View, Set<Session>>();
  #wishes: Wish[] = [];
  #count = 0;

  constructor(options: SeatingOptions) {
    this.#options = options;
  }

  /** Subscriptions of all sessions. */
  get count(): number {
    return this.#count;
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

  /**
   * Subscriptions are seated one after another, a slice at a time: building a view reads its whole
   * channel, and many at once must not stop the loop.
   */
  wish(wish: Wish): void {
    const { limits, send } = this.#options;
    if (this.#wishes.length >= limits.wishesMax) {
      const message = `${limits.wishesMax} subscriptions already wait to be seated. Try again.`;
      send(wish.session, { op: "ERROR", code: "TOO_MANY_SUBSCRIPTIONS", message, retryable: true, ...wish.answerTo });
      return;
    }
    this.#wishes.push(wish);
    if (this.#wishes.length === 1) this.#seatWishes();
  }

  /** Seats a view again that the session has: from `seq`, or from a fresh snapshot. */
  resync(session: Session, { id, view, seq }: Resync): void {
    const { log, send } = this.#options;
    const answerTo = { ...(id !== undefined && { id }), index: 0 };
    const subscription = session.subscriptions.get(view);
    if (subscription === undefined) {
      const message = `This session has no view "${view}". Send SUBSCRIBE with its query.`;
      send(session, { op: "ERROR", code: "UNKNOWN_VIEW", message, retryable: false, ...answerTo });
      return;
    }
    const cursor = seq === undefined ? undefined : { epoch: log.epoch, view, seq };
    this.wish({ session, request: { ...subscription.view.query, ...(cursor && { cursor }) }, answerTo, base: undefined });
  }

  unsubscribe(session: Session, viewId: string): void {
    const subscription = session.subscriptions.get(viewId);
    if (subscription === undefined) return;
    session.subscriptions.delete(viewId);
    this.#release(session, subscription);
  }

  /** Ends all of a session's subscriptions. Views that only it used begin to linger. */
  leave(session: Session): void {
    for (const subscription of session.subscriptions.values()) this.#release(session, subscription);
    session.subscriptions.clear();
    // The first may be under way, and is passed over when its turn comes.
    this.#wishes = this.#wishes.filter((wish, index) => index === 0 || wish.session !== session);
  }

  #seatWishes(): void {
    const { clock, limits } = this.#options;
    const endMs = clock.monotonic() + limits.sliceMs;
    for (let wish = this.#wishes[0]; wish !== undefined; wish = this.#wishes[0]) {
      this.#seatOne(wish);
      this.#wishes.shift();
      if (this.#wishes.length > 0 && clock.monotonic() >= endMs) {
        clock.soon(() => this.#seatWishes());
        return;
      }
    }
  }

  #seatOne({ session, request, answerTo, base }: Wish): void {
    const { clock, replica, policies, limits, turns, logger, send } = this.#options;
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
      const start = this.#startOf(view, cursor ?? (base !== undefined && isOf(base, view) ? { ...base, view: view.id } : undefined));
      this.#seat(session, {
        view,
        phase: { kind: "opening", ...start, sinceMs: clock.monotonic(), request: answerTo },
        isRestricted: policy !== undefined,
        statusVersion: 0,
        credit: existing?.credit ?? session.channelCredit.get(view.id) ?? session.channelCredit.get(view.channel) ?? undefined,
        held: undefined,
        digestRound: -1,
      });
      turns.serveSoon(session);
    } catch (error) {
      const known = error instanceof TidemarkError ? error : new TidemarkError("INTERNAL", "The query could not be served; the server's log has the cause.", { cause: error });
      if (known.code === "INTERNAL") logger.error({ err: error, session: session.id }, "subscription failed");
      send(session, { op: "ERROR", code: known.code, message: known.message, retryable: known.retryable, ...answerTo });
    }
  }

  /** A cursor counts in its own epoch and view only. */
  #startOf(view: View, cursor: Cursor | undefined): Start {
    if (cursor === undefined) return { cursor: undefined, reason: "no_cursor" };
    if (cursor.epoch !== this.#options.log.epoch) return { cursor: undefined, reason: "epoch" };
    if (cursor.view !== view.id) return { cursor: undefined, reason: differenceOf(cursor.view, view.id, view.channel) };
    return { cursor: cursor.seq, reason: "floor" };
  }

  #seat(session: Session, subscription: Subscription): void {
    session.subscriptions.set(subscription.view.id, subscription);
    this.#count++;
    const sessions = this.#subscribers.get(subscription.view);
    if (sessions === undefined) this.#subscribers.set(subscription.view, new Set([session]));
    else sessions.add(session);
  }

  #release(session: Session, { view, phase }: Subscription): void {
    if (phase.kind === "sending") phase.cut.readers--;
    this.#count--;
    const sessions = this.#subscribers.get(view);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#subscribers.delete(view);
    this.#options.replica.release(view, this.#options.clock.monotonic());
  }
}

/** Whether a position that names no views, or names them by mark, speaks of this one. */
function isOf({ viewMarks }: Position, { id, query }: View): boolean {
  return viewMarks === undefined ? isBare(query) : viewMarks.has(viewMark(id));
}

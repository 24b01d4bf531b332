/**
 * Seats subscriptions: from a query, an identity's rights and perhaps a cursor to a place among a
 * view's subscribers. What a cursor is worth is decided here; the turns move it from there on.
 */
import type { Logger } from "pino";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import { CLOSE } from "../../protocol/close-codes.ts";
import type { Resync } from "../../protocol/messages/resync.ts";
import type { Cursor, SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";
import { parseSubscription } from "../../protocol/parse-up.ts";
import type { Replica } from "../../table/replica.ts";
import type { View } from "../../table/view.ts";
import type { Policies } from "../policies.ts";
import { isPositionOf, type Position } from "./position.ts";
import type { ServerLimits } from "../limits.ts";
import type { Sender } from "../turn/sender.ts";
import type { Session, Subscription } from "../turn/session.ts";
import type { Subscribers } from "../turn/subscribers.ts";
import type { Turns } from "../turn/turns.ts";

export interface SeatingOptions {
  readonly clock: Clock;
  readonly replica: Replica;
  readonly turns: Turns;
  readonly subscribers: Subscribers;
  readonly policies: Policies;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly sender: Sender;
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

interface Task {
  readonly session: Session;
  readonly run: () => void;
}

/** A subscription's cursor and, where it can't be used, why. */
interface Start {
  readonly cursor: number | undefined;
  readonly reason: SnapshotReason;
}

export class Seating {
  readonly #options: SeatingOptions;
  /** What waits for its turn, in the order in which it was said. */
  readonly #tasks = new Map<Session, Task[]>();
  #count = 0;
  #isWorking = false;

  constructor(options: SeatingOptions) {
    this.#options = options;
  }

  /**
   * Subscriptions are seated one after another, a slice at a time: building a view reads its whole
   * channel, and many at once must not stop the loop.
   */
  wish(wish: Wish): void {
    if (this.#isRefused(wish.session, wish.answerTo)) return;
    this.#enqueue(wish.session, () => this.#seatOne(wish));
  }

  /** Seats a view again that the session has: from `seq`, or from a fresh snapshot. */
  resync(session: Session, { id, view, seq }: Resync): void {
    const answerTo = { ...(id !== undefined && { id }), index: 0 };
    if (this.#isRefused(session, answerTo)) return;
    this.#enqueue(session, () => {
      const subscription = session.subscriptions.get(view);
      if (subscription === undefined) {
        const message = `This session has no view "${view}". Send SUBSCRIBE with its query.`;
        this.#options.sender.send(session, { op: "ERROR", code: "UNKNOWN_VIEW", message, retryable: false, ...answerTo });
        return;
      }
      const cursor = seq === undefined ? undefined : { epoch: this.#options.replica.epoch, view, seq };
      this.#seatOne({ session, request: { ...subscription.view.query, ...(cursor && { cursor }) }, answerTo, base: undefined });
    });
  }

  /** After what was asked for before it, which may not be seated yet. Nothing waits in a session that asked for nothing. */
  unsubscribe(session: Session, which: { readonly views: readonly string[] } | { readonly queries: readonly unknown[] }): void {
    const run = (): void => {
      const ids = "views" in which ? which.views : which.queries.map((query) => this.#viewIdOf(session, query));
      for (const id of ids) {
        const subscription = id === undefined ? undefined : session.subscriptions.get(id);
        if (subscription === undefined) continue;
        session.subscriptions.delete(subscription.view.id);
        this.#release(session, subscription);
      }
    };
    if (session.unseated === 0) run();
    else this.#enqueue(session, run);
  }

  /** Ends all of a session's subscriptions. Views that only it used begin to linger. */
  leave(session: Session): void {
    for (const subscription of session.subscriptions.values()) this.#release(session, subscription);
    session.subscriptions.clear();
    if (session.unseated === 0) return;
    this.#count -= this.#tasks.get(session)?.length ?? 0;
    this.#tasks.delete(session);
    session.unseated = 0;
  }

  /** Full: said so, and nothing is kept of it. */
  #isRefused(session: Session, answerTo: Wish["answerTo"]): boolean {
    const { limits, sender } = this.#options;
    if (this.#count < limits.wishesMax && session.unseated < limits.wishesPerSessionMax) return false;
    const message = `${session.unseated} subscriptions of this connection wait to be seated, ${this.#count} of all. Try again when some have been answered.`;
    sender.send(session, { op: "ERROR", code: "TOO_MANY_SUBSCRIPTIONS", message, retryable: true, ...answerTo });
    return true;
  }

  #enqueue(session: Session, run: () => void): void {
    session.unseated++;
    this.#count++;
    const tasks = this.#tasks.get(session);
    if (tasks === undefined) this.#tasks.set(session, [{ session, run }]);
    else tasks.push({ session, run });
    if (!this.#isWorking) this.#workSoon();
  }

  #workSoon(): void {
    this.#isWorking = true;
    this.#options.clock.soon(() => this.#work());
  }

  #work(): void {
    const { clock, limits } = this.#options;
    const endMs = clock.monotonic() + limits.sliceMs;
    this.#isWorking = false;
    for (let task = this.#take(); task !== undefined; task = this.#take()) {
      task.session.unseated--;
      this.#run(task);
      if (this.#count > 0 && clock.monotonic() >= endMs) return this.#workSoon();
    }
  }

  /** One of the session that waited longest, which then goes to the end. */
  #take(): Task | undefined {
    const [first] = this.#tasks;
    if (first === undefined) return undefined;
    const [session, tasks] = first;
    const task = tasks.shift();
    this.#count--;
    this.#tasks.delete(session);
    if (tasks.length > 0) this.#tasks.set(session, tasks);
    return task;
  }

  /** Whatever goes wrong with one is no other session's trouble. */
  #run({ session, run }: Task): void {
    try {
      run();
    } catch (error) {
      this.#options.logger.error({ err: error, session: session.id }, "subscription failed");
      session.transport.close(CLOSE.badMessage, "INTERNAL");
    }
  }

  #seatOne({ session, request, answerTo, base }: Wish): void {
    const { clock, replica, policies, limits, turns, logger, sender } = this.#options;
    if (session.state.kind === "closed") return;
    try {
      if (session.state.kind !== "open") throw new TidemarkError("NOT_IDENTIFIED", "Send IDENTIFY first.");
      const { query, cursor } = parseSubscription(request);
      const allowed = policies.viewFor(session.state.identity, query);
      const existing = session.subscriptions.get(allowed.id);
      if (existing === undefined && session.subscriptions.size >= limits.subscriptionsPerSessionMax) {
        throw new TidemarkError("TOO_MANY_SUBSCRIPTIONS", `A connection has at most ${limits.subscriptionsPerSessionMax} subscriptions.`);
      }
      const requests = [...(existing?.requests ?? []), answerTo];
      if (requests.length > limits.requestsPerViewMax) {
        throw new TidemarkError("TOO_MANY_SUBSCRIPTIONS", `${limits.requestsPerViewMax} requests for this view wait for a turn to be answered in. Grant credit, or read what comes.`);
      }
      const view = allowed.acquire();
      if (existing !== undefined) this.#release(session, existing);
      const start = this.#startOf(view, cursor ?? (base !== undefined && !replica.isOwn(view.channel) && isPositionOf(base, view) ? { ...base, view: view.id } : undefined));
      session.subscriptions.set(view.id, {
        view,
        state: { kind: "opening", ...start, sinceMs: clock.monotonic(), held: undefined },
        update: undefined,
        requests,
        isRestricted: allowed.where !== undefined,
        statusVersion: 0,
        credit: existing === undefined ? creditOf(session, view) : existing.credit,
        digestRound: -1,
      });
      this.#options.subscribers.add(view, session, allowed.where);
      turns.serveSoon(session);
    } catch (error) {
      const known = error instanceof TidemarkError ? error : new TidemarkError("INTERNAL", "The query could not be served; the server's log has the cause.", { cause: error });
      if (known.code === "INTERNAL") logger.error({ err: error, session: session.id }, "subscription failed");
      sender.send(session, { op: "ERROR", code: known.code, message: known.message, retryable: known.retryable, ...answerTo });
    }
  }

  /** Of what nobody may have, or does not exist, there is no subscription to end. */
  #viewIdOf(session: Session, query: unknown): string | undefined {
    if (session.state.kind !== "open") return undefined;
    try {
      return this.#options.policies.viewFor(session.state.identity, parseSubscription(query as SubscriptionRequest).query).id;
    } catch (error) {
      if (error instanceof TidemarkError) return undefined;
      throw error;
    }
  }

  /** A cursor counts in its own epoch and view only. */
  #startOf(view: View, cursor: Cursor | undefined): Start {
    if (cursor === undefined) return { cursor: undefined, reason: "no_cursor" };
    if (cursor.epoch !== this.#options.replica.epoch) return { cursor: undefined, reason: "epoch" };
    if (cursor.view !== view.id) return { cursor: undefined, reason: this.#options.replica.differenceOf(cursor.view, view) };
    return { cursor: cursor.seq, reason: "floor" };
  }

  #release(session: Session, { view, update }: Subscription): void {
    if (update !== undefined) update.readers--;
    this.#options.subscribers.remove(view, session);
    this.#options.replica.release(view, this.#options.clock.monotonic());
  }
}

/** What the client has said of a channel before it subscribed to it. */
function creditOf({ channelCredit }: Session, { id, channel }: View): number | undefined {
  return (channelCredit.has(id) ? channelCredit.get(id) : channelCredit.get(channel)) ?? undefined;
}

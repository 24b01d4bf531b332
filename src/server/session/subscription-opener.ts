/**
 * Opens subscriptions: takes a query, an identity's rights and perhaps a cursor, and makes the
 * session a subscriber of a view. It decides whether a cursor is valid; from then on the turns
 * move the cursor.
 */
import type { Logger } from "pino";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Resync } from "../../protocol/messages/resync.ts";
import type { Cursor, SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";
import { parseSubscription } from "../../protocol/parse-up.ts";
import type { Replica } from "../../table/replica.ts";
import type { RefusedView } from "../../table/view-pool.ts";
import type { View } from "../../table/view.ts";
import type { AllowedView, Policies } from "../policies.ts";
import { isCursorOf, type SharedCursor } from "./shared-cursor.ts";
import type { ServerLimits } from "../limits.ts";
import { dialectViewOf } from "../turn/dialect.ts";
import type { Sender } from "../turn/sender.ts";
import type { Session, Subscription } from "../turn/session.ts";
import type { Subscribers } from "../turn/subscribers.ts";
import type { Turns } from "../turn/turns.ts";
import type { Work, WorkQueue } from "../work-queue.ts";

export interface SubscriptionOpenerOptions {
  readonly clock: Clock;
  readonly replica: Replica;
  readonly turns: Turns;
  readonly subscribers: Subscribers;
  readonly policies: Policies;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  readonly sender: Sender;
  /** The queue in which views are filled and subscriptions opened, alternating between sessions. */
  readonly queue: WorkQueue;
}

/** A requested subscription that is not open yet. */
export interface QueuedRequest {
  readonly session: Session;
  readonly request: SubscriptionRequest;
  /** The request's id, returned in its answer. */
  readonly answerTo: { readonly id?: number; readonly index: number };
  /** The cursor for subscriptions that have none of their own. */
  readonly base: SharedCursor | undefined;
}

/** A subscription's cursor and, where it can't be used, why. */
interface Start {
  readonly cursor: number | undefined;
  readonly reason: SnapshotReason;
}

export class SubscriptionOpener {
  readonly #options: SubscriptionOpenerOptions;

  constructor(options: SubscriptionOpenerOptions) {
    this.#options = options;
  }

  /**
   * Opens subscriptions one after another, a slice at a time: building a view reads its whole
   * channel, and many at once must not block the event loop.
   */
  subscribe(queued: QueuedRequest): void {
    if (this.#isRefused(queued.session, queued.answerTo)) return;
    this.#add(queued.session, this.#workOf(queued));
  }

  /** Subscribes to one of the session's views again: from `seq`, or from a fresh snapshot. */
  resync(session: Session, { id, view, seq }: Resync): void {
    const answerTo = { ...(id !== undefined && { id }), index: 0 };
    if (this.#isRefused(session, answerTo)) return;
    let opening: Work | undefined;
    this.#add(session, {
      drop: () => opening?.drop?.(),
      run: (isOver) => {
        if (opening !== undefined) return opening.run(isOver);
        const subscription = session.subscriptions.get(view);
        if (subscription === undefined) {
          const message = `This session has no view "${view}". Send SUBSCRIBE with its query.`;
          this.#options.sender.send(session, {
            op: "ERROR",
            code: "UNKNOWN_VIEW",
            message,
            retryable: false,
            ...answerTo,
          });
          return true;
        }
        const cursor =
          seq === undefined ? undefined : { epoch: this.#options.replica.epoch, view, seq };
        opening = this.#workOf({
          session,
          request: { ...subscription.view.query, ...(cursor && { cursor }) },
          answerTo,
          base: undefined,
        });
        return opening.run(isOver);
      },
    });
  }

  /**
   * Ends subscriptions, after earlier requests that are still queued. Without queued requests it
   * does so at once.
   */
  unsubscribe(
    session: Session,
    which: { readonly views: readonly string[] } | { readonly queries: readonly unknown[] },
  ): void {
    const run = (): void => {
      const ids =
        "views" in which
          ? which.views
          : which.queries.map((query) => this.#viewIdOf(session, query));
      for (const id of ids) {
        const subscription = id === undefined ? undefined : session.subscriptions.get(id);
        if (subscription === undefined) continue;
        session.subscriptions.delete(subscription.view.id);
        this.#release(session, subscription);
      }
    };
    if (session.requestsQueued === 0) run();
    else
      this.#add(session, {
        run: () => {
          run();
          return true;
        },
      });
  }

  /** Ends all of a session's subscriptions. Views without other subscribers begin to linger. */
  leave(session: Session): void {
    const { queue } = this.#options;
    for (const subscription of session.subscriptions.values()) this.#release(session, subscription);
    session.subscriptions.clear();
    if (session.requestsQueued === 0) return;
    queue.drop(session);
    session.requestsQueued = 0;
  }

  /** Refuses a request when the queue is full, and keeps nothing of it. */
  #isRefused(session: Session, answerTo: QueuedRequest["answerTo"]): boolean {
    const { limits, sender, queue } = this.#options;
    if (
      queue.size < limits.requestsQueuedMax &&
      session.requestsQueued < limits.requestsQueuedPerSessionMax
    )
      return false;
    const message = `${session.requestsQueued} subscriptions of this connection wait to be opened, ${queue.size} of all. Try again when some have been answered.`;
    const { code, retryable } = new TidemarkError("NOT_READY", message);
    sender.send(session, { op: "ERROR", code, message, retryable, ...answerTo });
    return true;
  }

  #add(session: Session, work: Work): void {
    session.requestsQueued++;
    this.#options.queue.add(session, {
      ...work,
      run: (isOver) => {
        const isDone = work.run(isOver);
        // Opening may have ended the session.
        if (isDone) session.requestsQueued = Math.max(0, session.requestsQueued - 1);
        return isDone;
      },
    });
  }

  /** Opens the view, fills it in as many turns as that takes, then adds the subscriber. */
  #workOf(queued: QueuedRequest): Work {
    let opened:
      | { readonly allowed: AllowedView; readonly view: View; readonly cursor: Cursor | undefined }
      | undefined;
    const drop = (): void => {
      if (opened !== undefined)
        this.#options.replica.release(opened.view, this.#options.clock.monotonic());
      opened = undefined;
    };
    const run = (isOver: () => boolean): boolean => {
      try {
        opened ??= this.#open(queued);
        if (opened === undefined) return true;
        const filled = this.#options.replica.fill(opened.view, isOver);
        // The view ended with its channel, or was too large for the identity that requested it
        // first: open it again.
        if (filled === "gone") drop();
        if (filled !== "whole") return false;
        this.#addSubscriber(queued, opened.allowed, opened.view, opened.cursor);
      } catch (error) {
        drop();
        this.#refuse(queued, error);
      }
      return true;
    };
    return { run, drop };
  }

  #open({
    session,
    request,
    answerTo,
  }: QueuedRequest):
    | { readonly allowed: AllowedView; readonly view: View; readonly cursor: Cursor | undefined }
    | undefined {
    const { policies, limits } = this.#options;
    if (session.state.kind === "closed") return undefined;
    if (session.state.kind !== "open")
      throw new TidemarkError("NOT_IDENTIFIED", "Send IDENTIFY first.");
    const { query, cursor } = parseSubscription(request, `subscriptions[${answerTo.index}]`);
    const { identity, identityHash } = session.state;
    const allowed = policies.viewFor(identity, query);
    const existing = session.subscriptions.get(allowed.id);
    if (existing === undefined && session.subscriptions.size >= limits.subscriptionsPerSessionMax) {
      throw new TidemarkError(
        "TOO_MANY_SUBSCRIPTIONS",
        `A connection has at most ${limits.subscriptionsPerSessionMax} subscriptions.`,
      );
    }
    if ((existing?.requests.length ?? 0) >= limits.requestsPerViewMax) {
      throw new TidemarkError(
        "TOO_MANY_SUBSCRIPTIONS",
        `${limits.requestsPerViewMax} requests for this view wait for a turn with their answers. Grant credit, or read the frames that were sent.`,
      );
    }
    // Clients without an identity share one budget.
    return {
      allowed,
      cursor,
      view: allowed.open(identity === undefined ? undefined : identityHash),
    };
  }

  #addSubscriber(
    { session, answerTo, base }: QueuedRequest,
    allowed: AllowedView,
    view: View,
    cursor: Cursor | undefined,
  ): void {
    const { clock, replica, turns } = this.#options;
    const existing = session.subscriptions.get(view.id);
    if (existing !== undefined) this.#release(session, existing);
    const start = this.#startOf(
      view,
      cursor ??
        (base !== undefined && !replica.isOwn(view.channel) && isCursorOf(base, view)
          ? { ...base, view: view.id }
          : undefined),
    );
    session.subscriptions.set(view.id, {
      view,
      state: { kind: "opening", ...start, sinceMs: clock.monotonic(), pause: undefined },
      update: undefined,
      requests: [...(existing?.requests ?? []), answerTo],
      isRestricted: allowed.where !== undefined,
      isWhole: session.peer.connection.isWhole?.(dialectViewOf(view)) === true,
      statusVersion: 0,
      credit: existing === undefined ? creditOf(session, view) : existing.credit,
      digestRound: -1,
    });
    this.#options.subscribers.add(view, session, allowed.where);
    turns.serveSoon(session);
  }

  #refuse({ session, answerTo }: QueuedRequest, error: unknown): void {
    const { logger, sender } = this.#options;
    const known =
      error instanceof TidemarkError
        ? error
        : new TidemarkError(
            "INTERNAL",
            "The query could not be served; the server's log has the cause.",
            { cause: error },
          );
    if (known.code === "INTERNAL" && !session.logged.has("subscription failed"))
      logger.error({ err: error, session: session.id }, "subscription failed");
    if (known.code === "INTERNAL") session.logged.add("subscription failed");
    sender.send(session, {
      op: "ERROR",
      code: known.code,
      message: known.message,
      retryable: known.retryable,
      ...answerTo,
    });
  }

  /** Ends all subscriptions to a view that was refused, with an ERROR to their clients. */
  end({ view, error: { code, message, retryable } }: RefusedView): void {
    for (const session of this.#options.subscribers.of(view)) {
      const subscription = session.subscriptions.get(view.id);
      if (subscription?.view !== view) continue;
      session.subscriptions.delete(view.id);
      this.#release(session, subscription);
      this.#options.sender.send(session, { op: "ERROR", code, message, retryable, view: view.id });
    }
  }

  /**
   * Undefined for an invalid query, or one that the session may not have: there is no subscription
   * to end.
   */
  #viewIdOf(session: Session, query: unknown): string | undefined {
    if (session.state.kind !== "open") return undefined;
    try {
      return this.#options.policies.viewFor(
        session.state.identity,
        parseSubscription(query as SubscriptionRequest).query,
      ).id;
    } catch (error) {
      if (error instanceof TidemarkError) return undefined;
      throw error;
    }
  }

  /** A cursor is valid in its own epoch and view only. */
  #startOf(view: View, cursor: Cursor | undefined): Start {
    if (cursor === undefined) return { cursor: undefined, reason: "no_cursor" };
    if (cursor.epoch !== this.#options.replica.epoch) return { cursor: undefined, reason: "epoch" };
    if (cursor.view !== view.id)
      return { cursor: undefined, reason: this.#options.replica.differenceOf(cursor.view, view) };
    return { cursor: cursor.seq, reason: "floor" };
  }

  #release(session: Session, { view, update }: Subscription): void {
    if (update !== undefined) update.readers--;
    this.#options.subscribers.remove(view, session);
    this.#options.replica.release(view, this.#options.clock.monotonic());
  }
}

/** The credit that the client granted to a channel before it subscribed. */
function creditOf({ channelCredit }: Session, { id, channel }: View): number | undefined {
  return (channelCredit.has(id) ? channelCredit.get(id) : channelCredit.get(channel)) ?? undefined;
}

/**
 * One session's part of a flush: the frames of its subscriptions that are behind, then one
 * WATERMARK, in one write. Rows that do not fit the socket's buffer stay after the cursor.
 */
import { assert, unreachable } from "../../std/assert.ts";
import type { Outgoing } from "../../protocol/codec.ts";
import type { SnapshotReason, Subscribed } from "../../protocol/messages/subscribed.ts";
import type { Watermark } from "../../protocol/messages/watermark.ts";
import type { Replica } from "../../table/replica.ts";
import type { View } from "../../table/view.ts";
import type { ChannelStates } from "./channel-states.ts";
import { resetNotice, slowConsumerNotice } from "./notices.ts";
import { TurnFacts } from "./turn-facts.ts";
import type { ViewUpdate } from "./view-update.ts";
import type { ViewUpdateCache } from "./view-update-cache.ts";
import { dialectViewOf } from "./dialect.ts";
import { frameOf, SharedMessage, type Frame } from "./frame.ts";
import type { ServerLimits } from "../limits.ts";
import type { Session, Subscription } from "./session.ts";
import { isBehind, stepOf, transition, type SubscriptionEvent } from "./subscription.ts";

export interface TurnStats {
  turns: number;
  frames: number;
  bytes: number;
  /** Subscriptions that were reset to a snapshot, by reason. */
  readonly resets: Map<string, number>;
  /** Times that a session ran out of credit while frames waited. */
  creditExhausted: number;
  /** Subscriptions that have been slow consumers. */
  slowConsumers: number;
}

export interface TurnWriterOptions {
  readonly replica: Replica;
  readonly updates: ViewUpdateCache;
  readonly states: ChannelStates;
  readonly limits: ServerLimits;
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly onReset: (session: Session, view: string, reason: string) => void;
  /** Called when the session's dialect failed to encode a message, which its client has missed. */
  readonly onFailure: (session: Session, failure: unknown) => void;
}

/** Frames collected for one write, and how many more bytes the socket may take. */
interface Turn {
  readonly session: Session;
  readonly frames: Frame[];
  readonly behind: string[];
  room: number;
  /** Whether the socket is full; the rest follows when it has drained. */
  isFull: boolean;
}

/** A shared empty list, since nearly all subscriptions have been answered. */
const ANSWERED: Subscription["requests"] = [];
const SENT: SubscriptionEvent = { kind: "sent" };
const CAUGHT_UP: SubscriptionEvent = { kind: "caught up" };

export class TurnWriter {
  readonly stats: TurnStats = {
    turns: 0,
    frames: 0,
    // Not a small integer: the sum of gigabytes is a double from the start, for V8.
    bytes: -0,
    resets: new Map(),
    creditExhausted: 0,
    slowConsumers: 0,
  };
  readonly #options: TurnWriterOptions;
  readonly #facts: TurnFacts;
  #watermark: SharedMessage | undefined;
  /** The oldest commit that the shared watermark names. */
  #oldestCommitMs: number | undefined;

  constructor(options: TurnWriterOptions) {
    this.#options = options;
    const { updates, replica, monotonic, limits } = options;
    this.#facts = new TurnFacts({
      updates,
      headOf: (channel) => replica.headOf(channel),
      monotonic,
      aheadMsMax: limits.aheadMsMax,
    });
  }

  /** Begins a new flush: watermarks carry its seq from now on. */
  beginFlush(): void {
    this.#watermark = undefined;
  }

  /**
   * Writes the session's turn. Returns false when its socket has no room for all of it:
   * then the caller serves it again once the socket has drained.
   */
  write(session: Session, nowMs: number): boolean {
    const room = this.#options.limits.socketBufferBytesMax - session.transport.bufferedBytes;
    if (session.credit === 0) {
      // What the session misses now is no measure of the way to it.
      session.oldestCommitMs = undefined;
      const isNews = this.#pauseAll(session) && !session.isExhausted;
      if (isNews) this.stats.creditExhausted++;
      session.isExhausted ||= isNews;
      return true;
    }
    if (room <= 0) {
      this.#pauseAll(session);
      return false;
    }
    const turn: Turn = { session, frames: [], behind: [], room, isFull: false };
    for (const subscription of session.subscriptions.values()) this.#serve(turn, subscription);
    if (session.results.length > 0)
      for (const result of session.results.splice(0)) this.#push(turn, result);
    turn.frames.push(this.#watermarkFrame(turn));
    session.transport.write(turn.frames);
    session.lastTurnMs = nowMs;
    session.oldestCommitMs = undefined;
    if (session.credit !== undefined) session.credit--;
    this.stats.turns++;
    for (const { bytes, isSilent, failure } of turn.frames) {
      if (failure !== undefined) this.#options.onFailure(session, failure);
      if (!isSilent) this.stats.frames++;
      this.stats.bytes += bytes.length;
    }
    return !turn.isFull;
  }

  /**
   * Notes the time from which on a session's subscriptions can't be served. Returns whether there
   * are any.
   */
  #pauseAll(session: Session): boolean {
    let isBehindAnywhere = false;
    for (const subscription of session.subscriptions.values()) {
      if (!isBehind(subscription.state, subscription.view.rows.lastSeq)) continue;
      this.#note(subscription, this.#paused(undefined));
      isBehindAnywhere = true;
    }
    return isBehindAnywhere;
  }

  /** Drops the shared watermark, so that the next one carries the present time and `as_of`. */
  expireWatermark(): void {
    this.#watermark = undefined;
  }

  #serve(turn: Turn, subscription: Subscription): void {
    const { view, state } = subscription;
    const hasCredit = subscription.credit !== 0;
    if (state.kind === "opening" && !this.#do(turn, subscription, hasCredit)) return;
    this.#sendStatus(turn, subscription);
    if (hasCredit && isBehind(subscription.state, view.rows.lastSeq)) {
      this.#tellSlow(turn, subscription);
      if (turn.room > 0 && subscription.credit !== undefined) subscription.credit--;
    }
    while (this.#do(turn, subscription, hasCredit)) {
      // Until the client is up to date, or there is no room.
    }
  }

  /** Does the next step of a subscription. Returns whether there may be another. */
  #do(turn: Turn, subscription: Subscription, hasCredit: boolean): boolean {
    const step = stepOf(subscription.state, this.#facts.of(subscription, hasCredit, turn.room > 0));
    switch (step.do) {
      case "wait":
        turn.behind.push(subscription.view.id);
        return false;
      case "answer":
        this.#answer(turn, subscription, { mode: "delta", from_seq: step.from });
        this.#note(subscription, { kind: "answered", cursor: step.from });
        return true;
      case "answer with a snapshot":
        this.#answer(turn, subscription, { mode: "snapshot", reason: step.reason });
        // A fresh snapshot needs no digest until the next round.
        subscription.digestRound = this.#options.updates.digestRound;
        this.#begin(subscription, this.#snapshotOf(subscription));
        return true;
      case "begin a delta":
        assert(this.#facts.delta !== undefined, "a delta that leads to the head");
        this.#begin(subscription, this.#facts.delta);
        return true;
      case "begin a snapshot":
        if (step.isReset) this.#tellReset(turn, subscription, step.reason);
        this.#begin(subscription, this.#snapshotOf(subscription));
        return true;
      case "send a frame":
        this.#sendFrame(turn, subscription, step.index);
        return true;
      case "pause":
        turn.isFull ||= hasCredit;
        turn.behind.push(subscription.view.id);
        this.#pause(subscription);
        return false;
      case "rest":
        this.#note(subscription, CAUGHT_UP);
        this.#sendDigest(turn, subscription);
        return false;
      default:
        return unreachable(step);
    }
  }

  #note(subscription: Subscription, event: SubscriptionEvent): void {
    subscription.state = transition(subscription.state, event);
  }

  #snapshotOf({ view, isWhole }: Subscription): ViewUpdate {
    return this.#options.updates.snapshot(view, { isAtHead: isWhole });
  }

  #begin(subscription: Subscription, update: ViewUpdate): void {
    if (subscription.update !== undefined) subscription.update.readers--;
    update.readers++;
    subscription.update = update;
    this.#note(subscription, {
      kind: "began",
      update: update.kind,
      seq: update.seq,
      frameCount: update.frameCount,
    });
  }

  #sendFrame(turn: Turn, subscription: Subscription, index: number): void {
    const { update } = subscription;
    assert(update !== undefined, "an update to send a frame of");
    this.#push(turn, update.frame(index, turn.session.dialect));
    this.#note(subscription, SENT);
    if (subscription.state.kind !== "sending") this.#giveBack(subscription);
  }

  /**
   * A snapshot continues later with the same update; a delta releases its update and continues
   * from the reached seq.
   */
  #pause(subscription: Subscription): void {
    const { state, update } = subscription;
    this.#note(
      subscription,
      this.#paused(
        state.kind === "sending" && update?.kind === "delta"
          ? update.seqBefore(state.nextFrame)
          : undefined,
      ),
    );
    if (subscription.state.kind !== "sending") this.#giveBack(subscription);
  }

  #giveBack(subscription: Subscription): void {
    if (subscription.update !== undefined) subscription.update.readers--;
    subscription.update = undefined;
  }

  #paused(reached: number | undefined): SubscriptionEvent {
    const { monotonic, now } = this.#options;
    return { kind: "paused", reached, nowMs: monotonic(), nowUnixMs: now() };
  }

  /** Sends SLOW_CONSUMER, once, for a view that could not be served for a while. */
  #tellSlow(turn: Turn, subscription: Subscription): void {
    const { replica, limits, monotonic } = this.#options;
    const { view, state } = subscription;
    if (
      state.kind === "opening" ||
      state.pause === undefined ||
      state.pause.isTold ||
      monotonic() - state.pause.sinceMs < limits.slowConsumerMs
    )
      return;
    this.#note(subscription, { kind: "told slow" });
    this.stats.slowConsumers++;
    const { sinceUnixMs } = state.pause;
    const behind =
      replica.headOf(view.channel) - (state.kind === "live" ? state.cursor : state.seq);
    this.#say(turn, slowConsumerNotice(view.id, behind, sinceUnixMs), view);
  }

  #tellReset(turn: Turn, { view }: Subscription, reason: SnapshotReason): void {
    if (reason !== "smaller") this.#say(turn, resetNotice(view.id, reason), view);
    this.stats.resets.set(reason, (this.stats.resets.get(reason) ?? 0) + 1);
    this.#options.onReset(turn.session, view.id, reason);
  }

  /** Sends the digest once per round, to a client that is at the view's head. */
  #sendDigest(turn: Turn, subscription: Subscription): void {
    const { updates } = this.#options;
    if (subscription.digestRound === updates.digestRound || turn.room <= 0) return;
    // The client holds rows that the view does not.
    if (subscription.view.query.history === true) return;
    const digest = updates.digest(subscription.view);
    if (digest === undefined) return;
    subscription.digestRound = updates.digestRound;
    this.#push(turn, digest.frame(turn.session));
    // The status is repeated for a client that lost it.
    subscription.statusVersion = 0;
    this.#sendStatus(turn, subscription);
  }

  #sendStatus(turn: Turn, subscription: Subscription): void {
    const { states } = this.#options;
    const version = states.version(subscription.view.channel, subscription.isRestricted);
    if (subscription.statusVersion === version) return;
    subscription.statusVersion = version;
    const frame = states.frame(
      subscription.view.channel,
      subscription.isRestricted,
      turn.session.dialect,
    );
    if (frame !== undefined && !turn.frames.includes(frame)) this.#push(turn, frame);
  }

  /** Answers every request for the view. */
  #answer(
    turn: Turn,
    subscription: Subscription,
    start: Pick<Subscribed, "mode" | "from_seq" | "reason">,
  ): void {
    const { view } = subscription;
    const { channel, key, columns } = dialectViewOf(view);
    for (const request of subscription.requests) {
      this.#say(
        turn,
        {
          op: "DISPATCH",
          type: "SUBSCRIBED",
          ...request,
          channel,
          view: view.id,
          epoch: this.#options.replica.epoch,
          key,
          columns,
          order_by: view.query.order_by ?? [],
          ...start,
        },
        view,
      );
    }
    subscription.requests = ANSWERED;
  }

  #say(turn: Turn, message: Outgoing, view: View): void {
    this.#push(turn, frameOf(message, turn.session.dialect, dialectViewOf(view)));
  }

  #push(turn: Turn, frame: Frame): void {
    turn.frames.push(frame);
    turn.room -= frame.bytes.length;
  }

  #watermarkFrame({ behind, session }: Turn): Frame {
    const { oldestCommitMs, dialect } = session;
    if (behind.length > 0) return frameOf(this.#watermarkMessage(oldestCommitMs, behind), dialect);
    if (this.#watermark === undefined || this.#oldestCommitMs !== oldestCommitMs) {
      this.#watermark = new SharedMessage(this.#watermarkMessage(oldestCommitMs));
      this.#oldestCommitMs = oldestCommitMs;
    }
    return this.#watermark.frame(dialect);
  }

  #watermarkMessage(oldestCommitMs: number | undefined, behind?: readonly string[]): Watermark {
    const { replica, now } = this.#options;
    return {
      op: "DISPATCH",
      type: "WATERMARK",
      seq: replica.seq,
      server_time_unix_ms: now(),
      ...(oldestCommitMs !== undefined && { oldest_commit_unix_ms: oldestCommitMs }),
      as_of: replica.asOf,
      ...(behind !== undefined && { behind }),
    };
  }
}

/**
 * One session's part of a cut: the frames of its subscriptions that are behind, then one
 * WATERMARK, in one write. What does not fit the socket's buffer stays after its cursor.
 */
import type { ResetNotice, SlowConsumerNotice } from "../../protocol/messages/notice.ts";
import type { SnapshotReason, Subscribed } from "../../protocol/messages/subscribed.ts";
import type { Watermark } from "../../protocol/messages/watermark.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import { projectedColumns } from "../../table/projection.ts";
import type { Replica } from "../../table/replica.ts";
import type { View } from "../../table/view.ts";
import type { ChannelStates } from "./channel-states.ts";
import type { Cut } from "./cut.ts";
import type { CutCache } from "./cut-cache.ts";
import { Frame } from "./frame.ts";
import type { ServerLimits } from "../limits.ts";
import { isBehind, type Session, type Subscription } from "./session.ts";

export interface TurnStats {
  turns: number;
  frames: number;
  bytes: number;
  /** Subscriptions that were reset to a snapshot, by reason. */
  readonly resets: Map<string, number>;
  /** Times that a session came to be without credit while there was something to send. */
  creditExhausted: number;
  /** Subscriptions that have been slow consumers. */
  slowConsumers: number;
}

export interface TurnWriterOptions {
  readonly replica: Replica;
  readonly cuts: CutCache;
  readonly states: ChannelStates;
  readonly limits: ServerLimits;
  readonly now: () => number;
  readonly monotonic: () => number;
  readonly onReset: (session: Session, view: string, reason: string) => void;
}

/** Frames gathered for one write, and how many more bytes the socket may take. */
interface Turn {
  readonly frames: Frame[];
  readonly behind: string[];
  room: number;
  /** Something was left out for want of room: there is more as soon as the socket has drained. */
  isCut: boolean;
}

export class TurnWriter {
  readonly stats: TurnStats = { turns: 0, frames: 0, bytes: 0, resets: new Map(), creditExhausted: 0, slowConsumers: 0 };
  readonly #options: TurnWriterOptions;
  #watermark: Frame | undefined;
  #oldestCommitMs: number | undefined;

  constructor(options: TurnWriterOptions) {
    this.#options = options;
  }

  /** Begins a new cut: watermarks carry its position from now on. */
  beginCut(oldestCommitMs: number | undefined): void {
    this.#oldestCommitMs = oldestCommitMs;
    this.#watermark = undefined;
  }

  /**
   * Writes the session's turn. Returns false when its socket has no room for all of it:
   * then it wants to be served again once it has drained.
   */
  write(session: Session, nowMs: number): boolean {
    const room = this.#options.limits.socketBufferBytesMax - session.transport.bufferedBytes;
    if (session.credit === 0) {
      const isNews = this.#holdAll(session) && !session.isExhausted;
      if (isNews) this.stats.creditExhausted++;
      session.isExhausted ||= isNews;
      return true;
    }
    if (room <= 0) {
      this.#holdAll(session);
      return false;
    }
    const turn: Turn = { frames: [], behind: [], room, isCut: false };
    for (const subscription of session.subscriptions.values()) this.#serve(session, subscription, turn);
    for (const result of session.results.splice(0)) this.#push(turn, result);
    turn.frames.push(turn.behind.length === 0 ? this.#sharedWatermark() : this.#watermarkFrame(turn.behind));
    session.transport.write(turn.frames);
    session.lastTurnMs = nowMs;
    if (session.credit !== undefined) session.credit--;
    this.stats.turns++;
    this.stats.frames += turn.frames.length;
    for (const { bytes } of turn.frames) this.stats.bytes += bytes.length;
    return !turn.isCut;
  }

  /** Notes since when a session's subscriptions could not be served. Returns whether there are any. */
  #holdAll(session: Session): boolean {
    let isBehindAnywhere = false;
    for (const subscription of session.behind()) {
      this.#hold(subscription);
      isBehindAnywhere = true;
    }
    return isBehindAnywhere;
  }

  #hold(subscription: Subscription): void {
    const { monotonic, now } = this.#options;
    subscription.held ??= { sinceMs: monotonic(), sinceUnixMs: now(), isTold: false };
  }

  /** Drops the shared watermark, so that the next one carries the present time and `as_of`. */
  expireWatermark(): void {
    this.#watermark = undefined;
    this.#oldestCommitMs = undefined;
  }

  #serve(session: Session, subscription: Subscription, turn: Turn): void {
    if (subscription.phase.kind === "opening" && !this.#open(subscription, subscription.phase, turn)) {
      turn.behind.push(subscription.view.id);
      return;
    }
    this.#sendStatus(subscription, turn);
    if (isBehind(subscription)) {
      const isThrough = subscription.credit === 0 ? false : this.#serveBehind(session, subscription, turn);
      if (!isThrough) {
        turn.behind.push(subscription.view.id);
        this.#hold(subscription);
        return;
      }
    }
    subscription.held = undefined;
    this.#sendDigest(subscription, turn);
  }

  /** Sends what a subscription lacks, as far as there is room. Returns whether it stands at the head now. */
  #serveBehind(session: Session, subscription: Subscription, turn: Turn): boolean {
    this.#tellSlow(subscription, turn);
    if (turn.room > 0 && subscription.credit !== undefined) subscription.credit--;
    while (isBehind(subscription)) {
      const hasRoom = turn.room > 0;
      if (hasRoom && subscription.phase.kind === "live") this.#startSending(session, subscription, subscription.phase.cursor, turn);
      if (!hasRoom || !this.#send(subscription, turn)) {
        turn.isCut = true;
        return false;
      }
    }
    return true;
  }

  /** Says, once, that a view could not be served for a while. */
  #tellSlow({ view, phase, held }: Subscription, turn: Turn): void {
    const { replica, limits, monotonic } = this.#options;
    if (held === undefined || held.isTold || phase.kind === "opening" || monotonic() - held.sinceMs < limits.slowConsumerMs) return;
    held.isTold = true;
    this.stats.slowConsumers++;
    const notice: SlowConsumerNotice = {
      op: "DISPATCH", type: "NOTICE", code: "SLOW_CONSUMER", view: view.id,
      behind: replica.headOf(view.channel) - (phase.kind === "live" ? phase.cursor : phase.cut.seq),
      since_unix_ms: held.sinceUnixMs,
      message: "The view could not be served for want of credit or of room in the socket. What it missed comes as one delta.",
    };
    this.#push(turn, new Frame(JSON.stringify(notice)));
  }

  /** Each round once, to whoever stands at the head. */
  #sendDigest(subscription: Subscription, turn: Turn): void {
    const { cuts } = this.#options;
    if (subscription.digestRound === cuts.digestRound || turn.room <= 0) return;
    const frame = cuts.digest(subscription.view);
    if (frame === undefined) return;
    subscription.digestRound = cuts.digestRound;
    this.#push(turn, frame);
    // Said again, for who did not hear it.
    subscription.statusVersion = 0;
    this.#sendStatus(subscription, turn);
  }

  /** Answers the subscription and settles where it starts. Returns false while its cursor is ahead of this node. */
  #open(subscription: Subscription, phase: Subscription["phase"] & { kind: "opening" }, turn: Turn): boolean {
    const { replica, limits, monotonic } = this.#options;
    const { view } = subscription;
    let { cursor, reason } = phase;
    if (cursor !== undefined && cursor > replica.headOf(view.channel)) {
      if (monotonic() - phase.sinceMs < limits.aheadMsMax) return false;
      cursor = undefined;
      reason = "ahead";
    } else if (cursor !== undefined && cursor < view.rows.lastSeq && this.#options.cuts.delta(view, cursor) === undefined) {
      reason = this.#whyNoDelta(view, cursor);
      cursor = undefined;
    }
    for (const request of phase.requests) this.#push(turn, new Frame(JSON.stringify(this.#subscribed(subscription, request, cursor, reason))));
    if (cursor === undefined) {
      // What has just been sent whole is checked in the next round.
      subscription.digestRound = this.#options.cuts.digestRound;
      this.#startSnapshot(subscription);
    } else subscription.phase = { kind: "live", cursor };
    return true;
  }

  #whyNoDelta(view: View, cursor: number): SnapshotReason {
    if (view.changesSince(cursor) !== undefined) return "smaller";
    return cursor < view.rows.builtSeq && view.id !== view.channel ? "view_gone" : "floor";
  }

  #startSending(session: Session, subscription: Subscription, cursor: number, turn: Turn): void {
    const { view } = subscription;
    const cut = this.#options.cuts.delta(view, cursor);
    if (cut !== undefined) {
      cut.readers++;
      subscription.phase = { kind: "sending", cut, nextFrame: 0 };
      return;
    }
    const reason = this.#whyNoDelta(view, cursor);
    if (reason !== "smaller") {
      const notice: ResetNotice = {
        op: "DISPATCH", type: "NOTICE", code: "RESET", view: view.id, reason,
        message: "The connection was slower than the view's memory of removed rows; the view starts anew.",
      };
      this.#push(turn, new Frame(JSON.stringify(notice)));
    }
    this.stats.resets.set(reason, (this.stats.resets.get(reason) ?? 0) + 1);
    this.#options.onReset(session, view.id, reason);
    this.#startSnapshot(subscription);
  }

  #startSnapshot(subscription: Subscription): void {
    const cut: Cut = this.#options.cuts.snapshot(subscription.view);
    cut.readers++;
    subscription.phase = { kind: "sending", cut, nextFrame: 0 };
  }

  /**
   * Sends frames of the cut under way while there is room. Returns whether it is through. A snapshot
   * goes on later from the same cut; a delta gives its cut back and goes on from the seq it reached,
   * so what a slow client holds is a number. One seq is never split over two turns.
   */
  #send(subscription: Subscription, turn: Turn): boolean {
    if (subscription.phase.kind !== "sending") return true;
    const { cut } = subscription.phase;
    let { nextFrame } = subscription.phase;
    if (cut.isAbandoned) {
      cut.readers--;
      this.#startSnapshot(subscription);
      return this.#send(subscription, turn);
    }
    while (nextFrame < cut.frameCount) {
      const reached = cut.kind === "delta" ? cut.seqBefore(nextFrame) : undefined;
      if (turn.room <= 0 && (cut.kind === "snapshot" || reached !== undefined)) {
        if (reached === undefined) subscription.phase = { kind: "sending", cut, nextFrame };
        else {
          cut.readers--;
          subscription.phase = { kind: "live", cursor: reached };
        }
        return false;
      }
      this.#push(turn, cut.frame(nextFrame++));
    }
    cut.readers--;
    subscription.phase = { kind: "live", cursor: cut.seq };
    return true;
  }

  #sendStatus(subscription: Subscription, turn: Turn): void {
    const { states } = this.#options;
    const version = states.version(subscription.view.channel);
    if (subscription.statusVersion === version) return;
    subscription.statusVersion = version;
    const frame = states.frame(subscription.view.channel, subscription.isRestricted);
    if (frame !== undefined && !turn.frames.includes(frame)) this.#push(turn, frame);
  }

  #push(turn: Turn, frame: Frame): void {
    turn.frames.push(frame);
    turn.room -= frame.bytes.length;
  }

  #subscribed({ view }: Subscription, request: { id?: number; index: number }, cursor: number | undefined, reason: SnapshotReason): Subscribed {
    const channel = this.#declaration(view.channel);
    const sent = projectedColumns(channel, view.query);
    return {
      op: "DISPATCH",
      type: "SUBSCRIBED",
      ...request,
      channel: view.channel,
      view: view.id,
      epoch: this.#options.replica.epoch,
      key: channel.key,
      columns: channel.columns.filter(({ name }) => sent === undefined || sent.includes(name)),
      order_by: view.query.order_by ?? [],
      ...(cursor === undefined ? { mode: "snapshot", reason } : { mode: "delta", from_seq: cursor }),
    };
  }

  #declaration(name: string): ChannelDeclaration {
    const table = this.#options.replica.table(name);
    if (table === undefined) throw new Error(`Invariant broken: a view of "${name}" without its table`);
    return table.channel;
  }

  #sharedWatermark(): Frame {
    this.#watermark ??= this.#watermarkFrame(undefined);
    return this.#watermark;
  }

  #watermarkFrame(behind: readonly string[] | undefined): Frame {
    const { replica, now } = this.#options;
    const watermark: Watermark = {
      op: "DISPATCH",
      type: "WATERMARK",
      seq: replica.seq,
      server_time_unix_ms: now(),
      ...(this.#oldestCommitMs !== undefined && { oldest_commit_unix_ms: this.#oldestCommitMs }),
      as_of: replica.asOf,
      ...(behind !== undefined && { behind }),
    };
    return new Frame(JSON.stringify(watermark), behind === undefined ? "watermark" : "other");
  }
}

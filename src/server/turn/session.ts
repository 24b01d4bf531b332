/**
 * One client's connection as the server sees it: who it is and where its cursors stand. It holds
 * no rows and no queue; what a slow client has not been sent is simply after its cursor.
 */
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";
import type { View } from "../../table/view.ts";
import type { Cut } from "./cut.ts";
import type { Frame } from "./frame.ts";

/** How frames reach one client. */
export interface Transport {
  /** The client has no way to say that it is there; that its end is open has to do. */
  readonly isOneWay?: boolean;
  /** Hands over in one write. */
  write(frames: readonly Frame[]): void;
  /** Calls back when all that was handed over has left the process; not at all when the client is gone. */
  onceFlushed(callback: () => void): void;
  /** Bytes handed over that have not left the process. */
  readonly bufferedBytes: number;
  close(code: number, reason: string): void;
}

/** Who a session acts for, as returned by `authenticate`. */
export type Identity = unknown;

/**
 *   greeting ──IDENTIFY──▶ identifying ──accepted──▶ open
 *       │   ▲                                            │
 *       │   └────────── rights revoked ──────────────────┤
 *       └──────────┴──────────────┴──────────────────────┴──▶ closed
 */
export type SessionPhase =
  | { readonly kind: "greeting"; readonly sinceMs: number }
  | { readonly kind: "identifying"; readonly early: string[]; readonly sinceMs: number }
  | { readonly kind: "open"; readonly identity: Identity; readonly mark: string }
  | { readonly kind: "closed" };

/**
 *   opening ──▶ sending ──▶ live ──▶ sending (a large delta, or a reset) ──▶ live …
 * The cursor is what has been sent whole. Only a live subscription at the head is not behind.
 */
export type SubscriptionPhase =
  | {
      readonly kind: "opening";
      /** To continue from, or undefined to start with a snapshot. */
      readonly cursor: number | undefined;
      /** Why there is no usable cursor. */
      readonly reason: SnapshotReason;
      /** When it was asked for; monotonic milliseconds. */
      readonly sinceMs: number;
      /** Of the messages that asked, for the answers: one that was overtaken by another is answered too. */
      readonly requests: readonly { readonly id?: number; readonly index: number }[];
    }
  | { readonly kind: "sending"; readonly cut: Cut; readonly nextFrame: number }
  | { readonly kind: "live"; readonly cursor: number };

export interface Subscription {
  readonly view: View;
  phase: SubscriptionPhase;
  /** The identity sees part of the channel's rows, so it is not told how many there are. */
  readonly isRestricted: boolean;
  /** The version of the channel's status that was sent last. */
  statusVersion: number;
  /** Turns that may still carry something of it; undefined for no limit. */
  credit: number | undefined;
  /** Set while it is behind for want of credit or room. */
  held: { readonly sinceMs: number; readonly sinceUnixMs: number; isTold: boolean } | undefined;
  /** The round of digests that was sent last. */
  digestRound: number;
}

/** There is something that its client has not been sent. */
export function isBehind({ phase, view }: Subscription): boolean {
  return phase.kind !== "live" || phase.cursor < view.rows.lastSeq;
}

export class Session {
  readonly id: string;
  readonly transport: Transport;
  readonly subscriptions = new Map<string, Subscription>();
  phase: SessionPhase;
  /** When the client was last heard, and when it was last sent a turn; monotonic milliseconds. */
  lastHeardMs: number;
  lastTurnMs: number;
  /** Waits in the queue of the turns to be served. */
  isQueued = false;
  /** Has more to be sent, and waits for its socket to have room. */
  isBlocked = false;
  /** Turns that the client is ready to take; undefined for as many as its socket takes. */
  credit: number | undefined;
  /** Channel credit by name or view id, also for what is subscribed to later. Bounded by `CHANNEL_CREDIT_MAX`. */
  channelCredit: ReadonlyMap<string, number | null> = new Map();
  /** Results of its mutations that wait for its next turn. Bounded by `mutationsPerSessionMax`. */
  results: Frame[] = [];
  /** What it asked of its subscriptions and that waits for its turn. */
  unseated = 0;
  /** Was found without credit since it last had some. */
  isExhausted = false;

  constructor(id: string, transport: Transport, nowMs: number) {
    this.id = id;
    this.transport = transport;
    this.phase = { kind: "greeting", sinceMs: nowMs };
    this.lastHeardMs = nowMs;
    this.lastTurnMs = nowMs;
  }

  /** Something is there that the client has not been sent. */
  get hasMore(): boolean {
    if (this.results.length > 0) return true;
    for (const _ of this.behind()) return true;
    return false;
  }

  /** Subscriptions whose client lacks something. */
  *behind(): Iterable<Subscription> {
    for (const subscription of this.subscriptions.values()) if (isBehind(subscription)) yield subscription;
  }
}

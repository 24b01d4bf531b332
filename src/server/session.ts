/**
 * One client's connection as the server sees it: who it is and where its cursors stand. It holds
 * no rows and no queue; what a slow client has not been sent is simply after its cursor.
 */
import type { SnapshotReason } from "../protocol/messages/subscribed.ts";
import type { View } from "../table/view.ts";
import type { Cut } from "./cut.ts";
import type { Frame } from "./frame.ts";

/** How frames reach one client. */
export interface Transport {
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
 *       └──────────┴──────────────┴────────────────────┴──▶ closed
 */
export type SessionPhase =
  | { readonly kind: "greeting"; readonly sinceMs: number }
  | { readonly kind: "identifying"; readonly early: string[] }
  | { readonly kind: "open"; readonly identity: Identity }
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
      /** Of the message that asked, for the answer. */
      readonly request: { readonly id?: number; readonly index: number };
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

  constructor(id: string, transport: Transport, nowMs: number) {
    this.id = id;
    this.transport = transport;
    this.phase = { kind: "greeting", sinceMs: nowMs };
    this.lastHeardMs = nowMs;
    this.lastTurnMs = nowMs;
  }
}

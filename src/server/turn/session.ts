/**
 * One client's connection as the server sees it: its identity and its cursors. It has no rows and
 * no queue: a slow client's unsent changes are those after its cursor.
 */
import { PROTOCOL_VERSION } from "../../protocol/version.ts";
import type { View } from "../../table/view.ts";
import type { ViewUpdate } from "./view-update.ts";
import type { ConnectionRequest, Dialect, DialectCommand, DialectConnection } from "./dialect.ts";
import type { Frame } from "./frame.ts";
import { nextSessionState, type SessionEvent, type SessionState } from "./session-state.ts";
import { isBehind, type SubscriptionState } from "./subscription.ts";

/** How frames reach one client. */
export interface Transport {
  /** The client can't send; it counts as alive while its socket drains. */
  readonly isOneWay?: boolean;
  /** Sends the frames in one write. A silent frame has no bytes, but may end a turn. */
  write(frames: readonly Frame[]): void;
  /** Sends a ping. Absent: the dialect has heartbeats, or the client can't send. */
  ping?(): void;
  /** Calls back when all sent bytes have left the process; never when the client is gone. */
  onceFlushed(callback: () => void): void;
  /** Stops reading for so many milliseconds. Absent where the client can't send. */
  pause?(ms: number): void;
  /** Sent bytes that have not left the process. */
  readonly bufferedBytes: number;
  close(code: number, reason: string): void;
}

/** The client's request, and the dialect of its connection. */
export interface Peer {
  readonly request: ConnectionRequest;
  readonly dialect: Dialect;
  readonly connection: DialectConnection;
}

/** A text as the client sent it, or the commands that it stands for. */
export type Said = string | readonly DialectCommand[];

export interface Subscription {
  readonly view: View;
  state: SubscriptionState;
  /** The update that is being sent, while `sending`. */
  update: ViewUpdate | undefined;
  /**
   * The requests for this view without an answer, including those that a later request has
   * replaced.
   */
  requests: readonly { readonly id?: number; readonly index: number }[];
  /** The identity sees part of the channel's rows, so it does not get their count. */
  readonly isRestricted: boolean;
  /** The client gets all rows at each change, and no deltas. */
  readonly isWhole: boolean;
  /** The version of the channel's status that was sent last. */
  statusVersion: number;
  /** Remaining turns with frames of this view; undefined for no limit. */
  credit: number | undefined;
  /** The round of digests that was sent last. */
  digestRound: number;
}

export class Session {
  readonly id: string;
  readonly transport: Transport;
  readonly peer: Peer;
  readonly subscriptions = new Map<string, Subscription>();
  #state: SessionState<Said>;
  /**
   * When the client last sent something, got a ping, and got a turn; monotonic milliseconds.
   */
  lastHeardMs: number;
  lastPingMs: number;
  lastTurnMs: number;
  /** The newest version of the protocol that the client has stated. */
  protocol = PROTOCOL_VERSION;
  /** Whether the session waits in the queue of the turns. */
  isQueued = false;
  /** The time of the oldest commit for which the session waits to be served. */
  oldestCommitMs: number | undefined;
  /** Whether the session has unsent frames, and waits for room in its socket. */
  isBlocked = false;
  /** Turns that the client has granted; undefined for as many as its socket takes. */
  credit: number | undefined;
  /**
   * Channel credit by name or view id, also for later subscriptions. At most
   * `channelCreditNamesMax`.
   */
  channelCredit: ReadonlyMap<string, number | null> = new Map();
  /** Results of its mutations that wait for its next turn. Bounded by `mutationsPerSessionMax`. */
  results: Frame[] = [];
  /** Its requests about subscriptions that wait in the work queue. */
  requestsQueued = 0;
  /** Errors that have been logged for this session; each is logged once. */
  readonly logged = new Set<string>();
  /** Whether the session has run out of credit, and this has been counted. */
  isExhausted = false;

  constructor(id: string, transport: Transport, peer: Peer, nowMs: number) {
    this.id = id;
    this.transport = transport;
    this.peer = peer;
    this.#state = { kind: "greeting", sinceMs: nowMs };
    this.lastHeardMs = nowMs;
    this.lastPingMs = nowMs;
    this.lastTurnMs = nowMs;
  }

  get dialect(): Dialect {
    return this.peer.dialect;
  }

  get state(): SessionState<Said> {
    return this.#state;
  }

  note(event: SessionEvent<Said>): void {
    this.#state = nextSessionState(this.#state, event);
  }

  /** Whether there are changes that the client has not been sent. */
  get hasMore(): boolean {
    if (this.results.length > 0) return true;
    for (const { state, view } of this.subscriptions.values())
      if (isBehind(state, view.rows.lastSeq)) return true;
    return false;
  }
}

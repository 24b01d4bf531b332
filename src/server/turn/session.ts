/**
 * One client's connection as the server sees it: who it is and where its cursors stand. It holds
 * no rows and no queue; what a slow client has not been sent is simply after its cursor.
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
  /** The client has no way to say that it is there; that its end is open has to do. */
  readonly isOneWay?: boolean;
  /** Hands over in one write. Silent frames say nothing, and may end a turn. */
  write(frames: readonly Frame[]): void;
  /** Asks whether the client is there. Absent: its dialect says so by itself, or its end being open has to do. */
  ping?(): void;
  /** Calls back when all that was handed over has left the process; not at all when the client is gone. */
  onceFlushed(callback: () => void): void;
  /** Hears nothing further for so long. Absent where nothing can be said. */
  pause?(ms: number): void;
  /** Bytes handed over that have not left the process. */
  readonly bufferedBytes: number;
  close(code: number, reason: string): void;
}

/** Who is at the other end, and how it is spoken to. */
export interface Peer {
  readonly request: ConnectionRequest;
  readonly dialect: Dialect;
  readonly connection: DialectConnection;
}

/** A text as it came, or what it meant. */
export type Said = string | readonly DialectCommand[];

export interface Subscription {
  readonly view: View;
  state: SubscriptionState;
  /** What is being sent of it, while `sending`. */
  update: ViewUpdate | undefined;
  /** Of the messages that asked for it and have no answer yet: one that was overtaken by another is answered too. */
  requests: readonly { readonly id?: number; readonly index: number }[];
  /** The identity sees part of the channel's rows, so it is not told how many there are. */
  readonly isRestricted: boolean;
  /** The version of the channel's status that was sent last. */
  statusVersion: number;
  /** Turns that may still carry something of it; undefined for no limit. */
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
  /** When the client was last heard, asked whether it is there, and sent a turn; monotonic milliseconds. */
  lastHeardMs: number;
  lastPingMs: number;
  lastTurnMs: number;
  /** The newest version of the protocol that the client speaks, as far as it has stated one. */
  protocol = PROTOCOL_VERSION;
  /** Waits in the queue of the turns to be served. */
  isQueued = false;
  /** Has more to be sent, and waits for its socket to have room. */
  isBlocked = false;
  /** Turns that the client is ready to take; undefined for as many as its socket takes. */
  credit: number | undefined;
  /** Channel credit by name or view id, also for what is subscribed to later. At most `channelCreditNamesMax`. */
  channelCredit: ReadonlyMap<string, number | null> = new Map();
  /** Results of its mutations that wait for its next turn. Bounded by `mutationsPerSessionMax`. */
  results: Frame[] = [];
  /** What it asked of its subscriptions and that waits for its turn. */
  requestsQueued = 0;
  /** What has been logged of it: each cause once, however often a client brings it about. */
  readonly logged = new Set<string>();
  /** Was found without credit since it last had some. */
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

  /** Something is there that the client has not been sent. */
  get hasMore(): boolean {
    if (this.results.length > 0) return true;
    for (const { state, view } of this.subscriptions.values())
      if (isBehind(state, view.rows.lastSeq)) return true;
    return false;
  }
}

/** What a connection needs of the client, and tells it. */
import type { Clock } from "../../std/clock.ts";
import type { Random } from "../../std/random.ts";
import type { DownMessage } from "../../protocol/down.ts";
import type { InvalidSessionReason } from "../../protocol/messages/invalid-session.ts";
import type { SubscriptionRequest } from "../../protocol/messages/subscribe.ts";
import type { ConnectionState } from "../connection-state.ts";
import type { EngineConfig } from "../port.ts";
import type { WebSocketConstructor } from "./websocket-like.ts";
import type { Fetch, HttpScheduler } from "./http-scheduler.ts";

export interface ConnectionOptions {
  readonly config: EngineConfig;
  readonly WebSocket: WebSocketConstructor | undefined;
  readonly fetch: Fetch | undefined;
  readonly http: HttpScheduler;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked anew for each connection. */
  readonly credentials: () => Promise<unknown>;
  /** The subscriptions to request now, each with its cursor. */
  readonly subscriptions: () => readonly SubscriptionRequest[];
  /** Frames of the stream; `bytes` is the length of the text. */
  readonly onMessage: (message: DownMessage, bytes: number) => void;
  /** Every frame in both directions, as text. */
  readonly onFrame: (direction: "up" | "down", text: string) => void;
  readonly onInvalid: (reason: InvalidSessionReason) => void;
  readonly onState: (state: ConnectionState) => void;
  /** With a text for the developer, when connecting has failed several times in a row. */
  readonly onWarning: (text: string) => void;
  /** With each heartbeat. */
  readonly onHeartbeat: () => void;
}

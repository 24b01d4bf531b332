/** What a server may say. */
import type { ChannelStatus } from "./messages/channel-status.ts";
import type { DeltaBatch } from "./messages/delta-batch.ts";
import type { ErrorMessage } from "./messages/error.ts";
import type { HeartbeatAck } from "./messages/heartbeat-ack.ts";
import type { Hello } from "./messages/hello.ts";
import type { InvalidSession } from "./messages/invalid-session.ts";
import type { MutationResult } from "./messages/mutation-result.ts";
import type { Notice } from "./messages/notice.ts";
import type { Ready } from "./messages/ready.ts";
import type { Reconnect } from "./messages/reconnect.ts";
import type { Resumed } from "./messages/resumed.ts";
import type { Snapshot } from "./messages/snapshot.ts";
import type { Subscribed } from "./messages/subscribed.ts";
import type { Watermark } from "./messages/watermark.ts";

type Dispatch =
  | Ready
  | Resumed
  | Subscribed
  | Snapshot
  | DeltaBatch
  | Watermark
  | ChannelStatus
  | Notice
  | MutationResult;
export type DownMessage =
  | Hello
  | Dispatch
  | HeartbeatAck
  | InvalidSession
  | Reconnect
  | ErrorMessage;

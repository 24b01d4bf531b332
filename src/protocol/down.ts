/** The frames that a server may send: one schema per `op`, and per `type` of a DISPATCH. */
import type * as v from "valibot";
import { channelStatus } from "./messages/channel-status.ts";
import { deltaBatch } from "./messages/delta-batch.ts";
import { digest } from "./messages/digest.ts";
import { errorMessage } from "./messages/error.ts";
import { heartbeatAck } from "./messages/heartbeat-ack.ts";
import { hello } from "./messages/hello.ts";
import { invalidSession } from "./messages/invalid-session.ts";
import { mutationResult } from "./messages/mutation-result.ts";
import { notice } from "./messages/notice.ts";
import { ready } from "./messages/ready.ts";
import { reconnect } from "./messages/reconnect.ts";
import { snapshot } from "./messages/snapshot.ts";
import { subscribed } from "./messages/subscribed.ts";
import { watermark } from "./messages/watermark.ts";

export const DISPATCHES = {
  READY: ready,
  RESUMED: ready,
  SUBSCRIBED: subscribed,
  SNAPSHOT: snapshot,
  DELTA_BATCH: deltaBatch,
  DIGEST: digest,
  WATERMARK: watermark,
  CHANNEL_STATUS: channelStatus,
  NOTICE: notice,
  MUTATION_RESULT: mutationResult,
} as const;

export const DOWN = {
  HELLO: hello,
  HEARTBEAT_ACK: heartbeatAck,
  INVALID_SESSION: invalidSession,
  RECONNECT: reconnect,
  ERROR: errorMessage,
} as const;

type Dispatch = v.InferOutput<(typeof DISPATCHES)[keyof typeof DISPATCHES]>;
export type DownMessage = Dispatch | v.InferOutput<(typeof DOWN)[keyof typeof DOWN]>;

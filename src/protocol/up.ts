/** The frames that a client may send: one schema per `op`. */
import type * as v from "valibot";
import { credit } from "./messages/credit.ts";
import { heartbeat } from "./messages/heartbeat.ts";
import { identify } from "./messages/identify.ts";
import { mutate } from "./messages/mutate.ts";
import { resume } from "./messages/resume.ts";
import { resync } from "./messages/resync.ts";
import { subscribe } from "./messages/subscribe.ts";
import { unsubscribe } from "./messages/unsubscribe.ts";

export const UP = {
  IDENTIFY: identify,
  RESUME: resume,
  SUBSCRIBE: subscribe,
  UNSUBSCRIBE: unsubscribe,
  RESYNC: resync,
  CREDIT: credit,
  MUTATE: mutate,
  HEARTBEAT: heartbeat,
} as const;

export type UpMessage = v.InferOutput<(typeof UP)[keyof typeof UP]>;

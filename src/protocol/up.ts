/** What a client may say. */
import type { Credit } from "./messages/credit.ts";
import type { Heartbeat } from "./messages/heartbeat.ts";
import type { Identify } from "./messages/identify.ts";
import type { Mutate } from "./messages/mutate.ts";
import type { Resume } from "./messages/resume.ts";
import type { Resync } from "./messages/resync.ts";
import type { Subscribe } from "./messages/subscribe.ts";
import type { Unsubscribe } from "./messages/unsubscribe.ts";

export type UpMessage =
  | Identify
  | Resume
  | Heartbeat
  | Subscribe
  | Unsubscribe
  | Resync
  | Credit
  | Mutate;

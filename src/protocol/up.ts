/** What a client may say. */
import type { Heartbeat } from "./messages/heartbeat.ts";
import type { Identify } from "./messages/identify.ts";
import type { Subscribe } from "./messages/subscribe.ts";
import type { Unsubscribe } from "./messages/unsubscribe.ts";

export type UpMessage = Identify | Heartbeat | Subscribe | Unsubscribe;

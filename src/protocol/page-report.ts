/** What a page reports of itself over some seconds, as the body of `POST /v2/telemetry`. */
import type * as v from "valibot";
import { PAINTS_MAX } from "./limits.ts";
import { custom, fields, flag, list, oneOf, optional, type Schema } from "./schema.ts";

/** Only a page that is cross-origin isolated can see its worker's heap, too. */
export const HEAPS = ["page", "page_and_worker"] as const;

const from0To = (max: number): Schema<number> =>
  custom<number>(
    `number from 0 to ${max}`,
    (input) => typeof input === "number" && input >= 0 && input <= max,
    `must be a number from 0 to ${max}`,
  );

export const pageReport = fields({
  /** Whether the page was visible for some of the time. Without that there is nothing of paints. */
  visible: flag,
  /** Share of animation frames that were missed while the page was visible. */
  ui_render_drop_ratio: optional(from0To(1)),
  /** Milliseconds from a commit's arrival at the page to its paint, of some commits. */
  ui_render_commit_ms: optional(list(from0To(60_000), { max: PAINTS_MAX })),
  ui_heap_used_mb: optional(from0To(1_048_576)),
  ui_heap_of: optional(oneOf(HEAPS)),
});

export type PageReport = v.InferOutput<typeof pageReport>;

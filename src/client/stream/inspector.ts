/**
 * Frames between engine and server for a developer who inspects the stream, in batches, with the
 * state of each subscription. Off, it costs nothing; on, it keeps a bounded batch.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { redact } from "../../protocol/codec.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { EngineView } from "./engine-view.ts";
import type { PageCursor, SubscriptionStats, InspectedFrame, ToPage } from "../port.ts";
import { INSPECT_BATCH_MS, INSPECT_FRAMES_MAX, INSPECT_TEXT_LENGTH_MAX } from "../limits.ts";

export interface InspectorOptions {
  readonly clock: Clock;
  readonly post: (message: ToPage) => void;
  readonly views: () => Iterable<EngineView>;
  readonly standing: () => { readonly cursor: PageCursor | undefined; readonly credit: number };
}

export class Inspector {
  readonly #options: InspectorOptions;
  #frames: InspectedFrame[] = [];
  #dropped = 0;
  #next: Cancel | undefined;

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  set isOn(isOn: boolean) {
    this.#next?.();
    this.#next = undefined;
    this.#frames = [];
    if (isOn) this.#tell();
  }

  note(direction: InspectedFrame["direction"], text: string): void {
    if (this.#next === undefined) return;
    if (this.#frames.length >= INSPECT_FRAMES_MAX) {
      this.#dropped++;
      return;
    }
    this.#frames.push({
      direction,
      atMs: this.#options.clock.now(),
      bytes: text.length,
      text: redact(text).slice(0, INSPECT_TEXT_LENGTH_MAX),
    });
  }

  #tell(): void {
    const { clock, post, views, standing } = this.#options;
    const { cursor, credit } = standing();
    post({
      kind: "inspection",
      frames: this.#frames,
      dropped: this.#dropped,
      credit,
      subscriptions: [...views()].map((view) => statsOf(view, cursor)),
    });
    this.#frames = [];
    this.#dropped = 0;
    this.#next = clock.after(INSPECT_BATCH_MS, () => this.#tell());
  }
}

function statsOf(view: EngineView, cursor: PageCursor | undefined): SubscriptionStats<WireQuery> {
  const { id, query, viewId, rows, bytes, resyncs, seq, status } = view;
  return {
    id,
    query,
    viewId,
    status,
    seq,
    lag: cursor === undefined || seq < 0 ? undefined : Math.max(0, cursor.seq - seq),
    rows: rows.size,
    queued: rows.pending,
    bytes,
    resyncs,
  };
}

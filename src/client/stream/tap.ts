/**
 * What passes between engine and server, for a person who looks on: frames as they were said, in
 * batches, and how each subscription stands. Off, it costs nothing; on, it keeps a bounded batch.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { redact } from "../../protocol/codec.ts";
import { fromWireQuery } from "../../protocol/user-query.ts";
import type { EngineView } from "./engine-view.ts";
import type { Position, SubscriptionReading, TappedFrame, ToPage } from "../port.ts";

const BATCH_MS = 200;
/** Frames of one batch. Full: the rest is counted, not kept. */
const BATCH_FRAMES_MAX = 200;
/** Characters of one frame that are shown. */
const TEXT_MAX = 4_000;

export interface TapOptions {
  readonly clock: Clock;
  readonly post: (message: ToPage) => void;
  readonly views: () => Iterable<EngineView>;
  readonly standing: () => { readonly position: Position | undefined; readonly credit: number };
}

export class Tap {
  readonly #options: TapOptions;
  #frames: TappedFrame[] = [];
  #left = 0;
  #next: Cancel | undefined;

  constructor(options: TapOptions) {
    this.#options = options;
  }

  set isOn(isOn: boolean) {
    this.#next?.();
    this.#next = undefined;
    this.#frames = [];
    if (isOn) this.#tell();
  }

  note(direction: TappedFrame["direction"], text: string): void {
    if (this.#next === undefined) return;
    if (this.#frames.length >= BATCH_FRAMES_MAX) {
      this.#left++;
      return;
    }
    this.#frames.push({
      direction,
      atMs: this.#options.clock.now(),
      bytes: text.length,
      text: redact(text).slice(0, TEXT_MAX),
    });
  }

  #tell(): void {
    const { clock, post, views, standing } = this.#options;
    const { position, credit } = standing();
    post({
      kind: "tapped",
      frames: this.#frames,
      left: this.#left,
      credit,
      subscriptions: [...views()].map((view) => readingOf(view, position)),
    });
    this.#frames = [];
    this.#left = 0;
    this.#next = clock.after(BATCH_MS, () => this.#tell());
  }
}

function readingOf(view: EngineView, position: Position | undefined): SubscriptionReading {
  const { id, query, viewId, rows, bytes, resyncs, seq, status } = view;
  return {
    id,
    query: fromWireQuery(query),
    viewId,
    status,
    seq,
    lag: position === undefined || seq < 0 ? undefined : Math.max(0, position.seq - seq),
    rows: rows.size,
    queued: rows.pending,
    bytes,
    resyncs,
  };
}

/**
 * What the stream had to repair, by channel: views that were requested again, and times at which
 * the server had to wait for this page.
 */
import type { Inspection } from "tidemark/client";

interface StreamNoteState {
  /** How often views of the channel were requested again. */
  readonly resyncs: number;
  /** How often the server said SLOW_CONSUMER. */
  readonly waits: number;
  /** The last time that one of both happened, in Unix milliseconds. */
  readonly lastMs: number | undefined;
}

const NONE: StreamNoteState = { resyncs: 0, waits: 0, lastMs: undefined };
const NOTICE = /^\{"op":"DISPATCH","type":"NOTICE","code":"SLOW_CONSUMER","view":"([^"]*)"/;

type Inspect = (listener: (inspection: Inspection) => void) => () => void;

export class StreamNotes {
  readonly #inspect: Inspect;
  readonly #notes = new Map<string, StreamNoteState>();
  readonly #listeners = new Set<() => void>();
  #stop: (() => void) | undefined;

  /** `inspect`: of the client. */
  constructor(inspect: Inspect) {
    this.#inspect = inspect;
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#stop ??= this.#inspect((inspection) => this.#take(inspection, Date.now()));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#stop?.();
      this.#stop = undefined;
    };
  };

  of(channel: string): StreamNoteState {
    return this.#notes.get(channel) ?? NONE;
  }

  #take(
    { subscriptions, frames }: Pick<Inspection, "subscriptions" | "frames">,
    nowMs: number,
  ): void {
    const resyncs = new Map<string, number>();
    for (const { query, resyncs: count } of subscriptions)
      resyncs.set(query.channel, (resyncs.get(query.channel) ?? 0) + count);
    let hasChanged = false;
    for (const [channel, count] of resyncs) {
      const note = this.of(channel);
      if (count === note.resyncs) continue;
      // A view that is closed takes its count with it.
      const lastMs = count > note.resyncs ? nowMs : note.lastMs;
      this.#notes.set(channel, { ...note, resyncs: count, lastMs });
      hasChanged = true;
    }
    for (const { direction, text, atMs } of frames) {
      const view = direction === "down" ? NOTICE.exec(text)?.[1] : undefined;
      const channel = subscriptions.find(({ viewId }) => viewId === view)?.query.channel;
      if (view === undefined || channel === undefined) continue;
      const note = this.of(channel);
      this.#notes.set(channel, { ...note, waits: note.waits + 1, lastMs: atMs });
      hasChanged = true;
    }
    if (hasChanged) for (const listener of this.#listeners) listener();
  }
}

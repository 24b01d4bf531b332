/**
 * A recording of Binance's streams as a source, with the pauses that it had: one message in a line,
 * after the time in seconds at which it arrived. Its channels are stale from its end on. After a
 * restart with the same store it goes on at the line where it was: that is its source position.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { createGunzip } from "node:zlib";
import type { Source, SourceContext } from "tidemark";
import { FEED_CHANNELS } from "../channels.ts";
import { FeedCommit } from "./feed-commit.ts";

type Levels = readonly (readonly [price: string, quantity: string])[];

/** What the dashboard reads of a message. */
type Event =
  | { readonly e: "aggTrade"; s: string; a: number; p: string; q: string; T: number; m: boolean }
  | {
      readonly e: "bookTicker";
      s: string;
      u: number;
      b: string;
      B: string;
      a: string;
      A: string;
      T?: number;
    }
  | { readonly e: "depthUpdate"; s: string; b: Levels; a: Levels }
  | { readonly e: "other" };

export interface RecordingOptions {
  readonly file: string;
  /** How many times faster than it was. */
  readonly speed: number;
}

/** Messages that arrived within this time are one commit. */
const COMMIT_MS = 20;

export class Recording implements Source {
  readonly name = "feed";
  readonly #options: RecordingOptions;
  #played: Promise<void> = Promise.resolve();
  #isStopped = false;
  #wake = (): void => {};

  constructor(options: RecordingOptions) {
    this.#options = options;
  }

  async start(context: SourceContext): Promise<void> {
    const isNew = context.sourcePosition === undefined;
    await context.append({
      changes: isNew ? new FeedCommit().take(["quotes", "depth"]) : [],
      declares: FEED_CHANNELS,
      status: [{ status: { status: "live" } }],
    });
    this.#played = this.#play(context).catch((error: unknown) => {
      if (!this.#isStopped) context.logger.error({ err: error }, "the recording ended");
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#played;
  }

  async #play(context: SourceContext): Promise<void> {
    const { clock } = context;
    const { file, speed } = this.#options;
    const bytes = createReadStream(file);
    const lines = createInterface({
      input: file.endsWith(".gz") ? bytes.pipe(createGunzip()) : bytes,
    });
    const commit = new FeedCommit();
    const startMs = clock.monotonic();
    let firstMs: number | undefined;
    let nextMs = 0;
    const doneLines = Number(context.sourcePosition ?? 0);
    let lineNumber = 0;
    for await (const line of lines) {
      if (this.#isStopped) return;
      const message = lineNumber++ < doneLines ? undefined : parseLine(line);
      if (message === undefined) continue;
      firstMs ??= message.atMs;
      const dueMs = (message.atMs - firstMs) / speed;
      if (dueMs >= nextMs && commit.size > 0) {
        await context.append({
          changes: commit.take(),
          sourcePosition: String(lineNumber - 1),
        });
        nextMs = dueMs + COMMIT_MS;
        await this.#wait(context, startMs + dueMs - clock.monotonic());
      }
      add(commit, message.event);
    }
    await context.append({
      changes: commit.take(),
      sourcePosition: String(lineNumber),
      status: [{ status: { status: "stale", reason: "the recording has ended" } }],
    });
  }

  async #wait({ clock }: SourceContext, delayMs: number): Promise<void> {
    if (delayMs <= 0 || this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(delayMs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }
}

/** Undefined for the first line, which is the address, and for what is cut off. */
function parseLine(line: string): { readonly atMs: number; readonly event: Event } | undefined {
  const colon = line.indexOf(":");
  const atMs = Number(line.slice(0, colon)) * 1_000;
  if (colon < 0 || !Number.isFinite(atMs)) return undefined;
  try {
    return { atMs, event: (JSON.parse(line.slice(colon + 1)) as { data: Event }).data };
  } catch {
    return undefined;
  }
}

function add(commit: FeedCommit, event: Event): void {
  switch (event.e) {
    case "aggTrade": {
      const { s: symbol, a: id, p: price, q: quantity, m: isSale, T } = event;
      commit.trade({ symbol, id, price, quantity, side: isSale ? "sell" : "buy", time: text(T) });
      break;
    }
    case "bookTicker":
      commit.quote({
        symbol: event.s,
        bid: event.b,
        bid_quantity: event.B,
        ask: event.a,
        ask_quantity: event.A,
        update_id: event.u,
        time: event.T === undefined ? null : text(event.T),
      });
      break;
    case "depthUpdate":
      for (const [side, levels] of [
        ["bid", event.b],
        ["ask", event.a],
      ] as const)
        for (const [price, quantity] of levels)
          commit.level(
            { symbol: event.s, side, price },
            Number(quantity) === 0 ? undefined : quantity,
          );
      break;
    default:
  }
}

function text(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

/** Reads the snapshots of one side, and counts in words what goes wrong. */
import { messageOf } from "../../std/errors.ts";
import type { ChannelPair } from "./channel-pairs.ts";
import { parseSnapshot, type Side, type Snapshot } from "./snapshot.ts";

export interface SideReaderOptions {
  readonly side: Side;
  readonly url: string;
  readonly pairs: readonly ChannelPair[];
  readonly headers: Readonly<Record<string, string>>;
  /** That an answer may take, to its last byte. */
  readonly timeoutMs: number;
  /** Called with each error of a kind that was not there before. */
  readonly onError: (text: string) => void;
}

export interface SideErrors {
  readonly count: number;
  /** How often each occurred; the first few. */
  readonly texts: Readonly<Record<string, number>>;
}

const TEXTS_MAX = 20;
const BODY_BYTES_MAX = 256 * 1024 * 1024;

export class SideReader {
  readonly #options: SideReaderOptions;
  readonly #url: string;
  readonly #errors = new Map<string, number>();
  #errorCount = 0;

  constructor(options: SideReaderOptions) {
    this.#options = options;
    const url = new URL(options.url);
    if (url.search === "")
      url.searchParams.set("channels", options.pairs.map((pair) => pair[options.side]).join(","));
    this.#url = url.href;
  }

  get errors(): SideErrors {
    return { count: this.#errorCount, texts: Object.fromEntries(this.#errors) };
  }

  /** Undefined where there is no snapshot. An answer that is no longer wanted is no error. */
  async read(signal: AbortSignal): Promise<Snapshot | undefined> {
    const { side, pairs } = this.#options;
    try {
      return parseSnapshot(await this.#body(signal), side, pairs);
    } catch (error) {
      if (!signal.aborted) this.#count(this.#inWords(error));
      return undefined;
    }
  }

  async #body(signal: AbortSignal): Promise<string> {
    const { headers, timeoutMs } = this.#options;
    const response = await fetch(this.#url, {
      headers,
      cache: "no-store",
      // Headers may hold credentials, which are for this address only.
      redirect: "manual",
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      throw new Error(`HTTP ${response.status} instead of a snapshot`);
    }
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) throw new Error(`the answer is longer than ${BODY_BYTES_MAX} B`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }

  #inWords(error: unknown): string {
    if (!(error instanceof Error)) return messageOf(error);
    if (error.name === "TimeoutError")
      return `no whole answer within ${this.#options.timeoutMs} ms`;
    // What fetch throws says why only in its cause.
    return error.cause === undefined
      ? messageOf(error)
      : `no connection: ${messageOf(error.cause)}`;
  }

  #count(text: string): void {
    this.#errorCount++;
    const known = this.#errors.get(text);
    if (known === undefined && this.#errors.size >= TEXTS_MAX) return;
    this.#errors.set(text, (known ?? 0) + 1);
    if (known === undefined) this.#options.onError(text);
  }
}

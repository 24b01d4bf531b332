/**
 * Server-sent events as a socket: frames arrive as events, and messages go out by POST, one after
 * another. It reads with `fetch`, so that it also runs in workers and in Node.
 */
import { decode } from "../../protocol/codec.ts";
import type { Hello } from "../../protocol/messages/hello.ts";
import type { HttpScheduler, Fetch } from "./http-scheduler.ts";
import type { WebSocketLike } from "./websocket-like.ts";
import { UP_ATTEMPTS_MAX } from "../limits.ts";

export interface HttpSocketOptions {
  /** The base of the HTTP routes, `https://…/v2`. */
  readonly base: string;
  readonly fetch: Fetch;
  readonly http: HttpScheduler;
}

function helloOf(text: string): Hello | undefined {
  const message = decode(text);
  return message?.op === "HELLO" ? message : undefined;
}

export class SseSocket implements WebSocketLike {
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly #options: HttpSocketOptions;
  readonly #abort = new AbortController();
  #sessionId = "";
  #lastSaid: Promise<unknown> = Promise.resolve();
  #isOver = false;

  constructor(options: HttpSocketOptions) {
    this.#options = options;
    void this.#read();
  }

  send(text: string): void {
    const url = `${this.#options.base}/up?session=${encodeURIComponent(this.#sessionId)}`;
    this.#lastSaid = this.#lastSaid
      .then(async () => {
        if (this.#isOver) return;
        const response = await this.#post(url, text, UP_ATTEMPTS_MAX);
        if (!response.ok) this.#end(`HTTP ${response.status}`);
      })
      .catch(() => this.#end("a message could not be sent"));
  }

  /**
   * A proxy that reloads closes connections that are kept open, and a request that is on its way
   * then gets no answer, while the stream goes on. A server takes a message twice without harm.
   */
  async #post(url: string, body: string, attempts: number): Promise<Response> {
    try {
      return await this.#options.http.request("up", url, { method: "POST", body });
    } catch (error) {
      // `fetch` throws a TypeError where there is no connection; a timeout is another error.
      if (this.#isOver || attempts <= 1 || !(error instanceof TypeError)) throw error;
      return this.#post(url, body, attempts - 1);
    }
  }

  close(): void {
    this.#isOver = true;
    this.#abort.abort();
  }

  async #read(): Promise<void> {
    try {
      const response = await this.#options.fetch(`${this.#options.base}/sse`, {
        headers: { accept: "text/event-stream" },
        cache: "no-store",
        signal: this.#abort.signal,
      });
      if (!response.ok || response.body === null) return this.#end(`HTTP ${response.status}`);
      this.onopen?.(undefined as never);
      const decoder = new TextDecoder();
      const reader = response.body.getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done || this.#isOver) break;
        text += decoder.decode(value, { stream: true });
        const lines = text.split("\n");
        text = lines.pop() ?? "";
        for (const line of lines) if (line.startsWith("data: ")) this.#event(line.slice(6));
      }
      this.#end("the stream ended");
    } catch {
      this.#end("");
    }
  }

  #event(data: string): void {
    if (this.#sessionId === "") this.#sessionId = helloOf(data)?.session_id ?? "";
    if (!this.#isOver) this.onmessage?.({ data });
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.onclose?.({ code: 1006, reason });
  }
}

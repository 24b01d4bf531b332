/**
 * Server-sent events as a socket: frames arrive as events, and messages go out by POST, one after
 * another. It reads with `fetch`, so that it also runs in workers and in Node.
 */
import { decode } from "../../protocol/codec.ts";
import type { HttpScheduler, Fetch } from "./http-scheduler.ts";
import type { WebSocketLike } from "./websocket-like.ts";

export interface HttpSocketOptions {
  /** Takes routes. */
  readonly fetch: Fetch;
  readonly http: HttpScheduler;
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

  /**
   * A proxy that reloads closes connections that are kept open, and a request that is on its way
   * then gets no answer, while the stream goes on. So it is sent again, at most twice; a server
   * takes a message twice without harm.
   */
  send(text: string): void {
    const { http } = this.#options;
    const url = `/up?session=${encodeURIComponent(this.#sessionId)}`;
    const post = (): Promise<Response> => http.request("up", url, { method: "POST", body: text });
    this.#lastSaid = this.#lastSaid
      .then(async () => {
        if (this.#isOver) return;
        const response = await post().catch(post).catch(post);
        if (!response.ok) this.#end(`HTTP ${response.status}`);
      })
      .catch(() => this.#end("a message could not be sent"));
  }

  close(): void {
    this.#isOver = true;
    this.#abort.abort();
  }

  async #read(): Promise<void> {
    try {
      const response = await this.#options.fetch("/sse", {
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
    if (this.#sessionId === "") {
      const hello = decode(data);
      if (hello?.op === "HELLO") this.#sessionId = hello.session_id;
    }
    if (!this.#isOver) this.onmessage?.({ data });
  }

  #end(reason: string): void {
    if (this.#isOver) return;
    this.close();
    this.onclose?.({ code: 1006, reason });
  }
}

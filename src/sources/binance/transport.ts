/** WebSocket and HTTP as the source uses them, so that tests can replace both. */
import { openWebSocket, type OpenSocket } from "../socket/message-socket.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

export interface Transport {
  readonly open: OpenSocket;
  get(url: string, signal: AbortSignal): Promise<HttpAnswer>;
}

export const webTransport: Transport = {
  open: openWebSocket,
  async get(url, signal) {
    const response = await fetch(url, { signal, redirect: "error" });
    return {
      status: response.status,
      text: await response.text(),
      header: (name) => response.headers.get(name) ?? undefined,
    };
  },
};

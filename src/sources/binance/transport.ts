/** WebSocket and HTTP as the source uses them, so that tests can replace both. */
import { WebSocket } from "ws";

interface StreamHandlers {
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
  /** With the text of the ping that it answers. */
  readonly onPong: (text: string) => void;
  /** Called once, also where the connection could not be opened. */
  readonly onClose: (reason: string) => void;
}

export interface MessageStream {
  ping(text: string): void;
  /** Stops reading, so that the sender has to wait. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
  header(name: string): string | undefined;
}

export interface Transport {
  open(url: string, handlers: StreamHandlers, messageLengthMax: number): MessageStream;
  get(url: string, signal: AbortSignal): Promise<HttpAnswer>;
}

export const webTransport: Transport = {
  open(url, { onOpen, onMessage, onPong, onClose }, messageLengthMax) {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: messageLengthMax });
    let failure: string | undefined;
    socket.on("open", onOpen);
    // Binance sends text frames; each is one Buffer here.
    socket.on("message", (data) => onMessage(String(data)));
    socket.on("pong", (data) => onPong(data.toString()));
    socket.on("error", (error) => (failure ??= error.message));
    socket.on("close", (code, reason) => {
      const said = reason.length > 0 ? `${code} ${reason.toString()}` : String(code);
      onClose(failure ?? `closed by Binance with ${said}`);
    });
    return {
      ping: (text) => {
        if (socket.readyState === WebSocket.OPEN) socket.ping(text);
      },
      pause: () => socket.pause(),
      resume: () => socket.resume(),
      close: () => socket.terminate(),
    };
  },
  async get(url, signal) {
    const response = await fetch(url, { signal, redirect: "error" });
    return {
      status: response.status,
      text: await response.text(),
      header: (name) => response.headers.get(name) ?? undefined,
    };
  },
};

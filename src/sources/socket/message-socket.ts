/** WebSockets to servers of others, as sources use them, so that tests can replace them. */
import { WebSocket } from "ws";

export interface SocketHandlers {
  readonly onOpen: () => void;
  readonly onMessage: (text: string) => void;
  /** With the text of the ping that it answers. */
  readonly onPong: (text: string) => void;
  /** Called once, also where the connection could not be opened. */
  readonly onClose: (reason: string) => void;
}

export interface MessageSocket {
  send(text: string): void;
  ping(text: string): void;
  /** Stops reading, so that the sender has to wait. */
  pause(): void;
  resume(): void;
  close(): void;
}

export type OpenSocket = (
  url: string,
  handlers: SocketHandlers,
  messageLengthMax: number,
) => MessageSocket;

export const openWebSocket: OpenSocket = (
  url,
  { onOpen, onMessage, onPong, onClose },
  messageLengthMax,
) => {
  const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: messageLengthMax });
  let failure: string | undefined;
  socket.on("open", onOpen);
  // These servers send text frames; each is one Buffer here.
  socket.on("message", (data) => onMessage(String(data)));
  socket.on("pong", (data) => onPong(data.toString()));
  socket.on("error", (error) => (failure ??= error.message));
  socket.on("close", (code, reason) => {
    const said = reason.length > 0 ? `${code} ${reason.toString()}` : String(code);
    onClose(failure ?? `closed by ${new URL(url).host} with ${said}`);
  });
  const ifOpen = (act: () => void): void => {
    if (socket.readyState === WebSocket.OPEN) act();
  };
  return {
    send: (text) => ifOpen(() => socket.send(text)),
    ping: (text) => ifOpen(() => socket.ping(text)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    close: () => socket.terminate(),
  };
};

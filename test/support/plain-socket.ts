/** A WebSocket client that collects JSON messages of any dialect. */
import { WebSocket } from "ws";
import { atEnd } from "./trades-server.ts";

export class PlainSocket {
  readonly messages: unknown[] = [];
  readonly socket: WebSocket;
  closedWith: { code: number; reason: string } | undefined;

  constructor(url: string, options: { autoPong?: boolean } = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on("message", (data) => this.messages.push(JSON.parse(String(data))));
    this.socket.on("close", (code, reason) => {
      this.closedWith = { code, reason: String(reason) };
    });
    this.socket.on("error", () => {});
    atEnd(() => this.socket.terminate());
  }
}

/**
 * One socket, from the attempt to open it to its end. After `drop()`, and after it has ended, none
 * of its callbacks is called: a late event of a former socket concerns nobody.
 */
import type { Clock } from "../std/clock.ts";

/** What the script needs of a WebSocket. */
export interface HeatmapSocket {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface SocketLineOptions {
  readonly create: () => HeatmapSocket;
  readonly clock: Clock;
  readonly onOpen: () => void;
  readonly onText: (text: unknown) => void;
  readonly onEnd: (reason: string) => void;
}

export class SocketLine {
  readonly #socket: HeatmapSocket | undefined;
  readonly #onEnd: (reason: string) => void;
  #isOpen = false;
  #hasEnded = false;

  constructor({ create, clock, onOpen, onText, onEnd }: SocketLineOptions) {
    this.#onEnd = onEnd;
    try {
      this.#socket = create();
    } catch {
      // Such as an address that the page's policy forbids. No callback is called within a call.
      clock.soon(() => this.#end("The browser refuses to open the socket."));
      return;
    }
    this.#socket.onopen = () => {
      this.#isOpen = true;
      onOpen();
    };
    this.#socket.onmessage = ({ data }) => onText(data);
    this.#socket.onclose = ({ code, reason }) => {
      const lost = this.#isOpen ? "The connection was lost" : "The server can't be reached";
      this.#end(`${reason === "" ? lost : reason} (code ${code}).`);
    };
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Does nothing while the socket is not open. */
  send(message: object): void {
    if (this.#isOpen) this.#socket?.send(JSON.stringify(message));
  }

  drop(): void {
    this.#hasEnded = true;
    this.#isOpen = false;
    if (this.#socket === undefined) return;
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    this.#socket.close();
  }

  #end(reason: string): void {
    if (this.#hasEnded) return;
    this.drop();
    this.#onEnd(reason);
  }
}

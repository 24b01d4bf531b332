/**
 * From a fallback, tries the best carrier now and then beside it, and changes over when it says
 * HELLO.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { decode } from "../../protocol/codec.ts";
import { versionFault } from "../../protocol/version.ts";
import type { WebSocketLike } from "./websocket-like.ts";

export interface CarrierUpgradeOptions {
  readonly clock: Clock;
  readonly intervalMs: number;
  /** HELLO must arrive within this time. */
  readonly handshakeMs: number;
  /** The fallback is open, and somebody may look at the page. */
  readonly isWanted: () => boolean;
  readonly open: () => WebSocketLike | undefined;
  /** The socket has received this HELLO, and takes the fallback's place. */
  readonly onGreeted: (socket: WebSocketLike, hello: string) => void;
}

export class CarrierUpgrade {
  readonly #options: CarrierUpgradeOptions;
  #next: Cancel | undefined;
  #candidate: WebSocketLike | undefined;

  constructor(options: CarrierUpgradeOptions) {
    this.#options = options;
  }

  schedule(): void {
    const { clock, intervalMs } = this.#options;
    this.#next?.();
    this.#next = clock.after(intervalMs, () => this.#try());
  }

  stop(): void {
    this.#next?.();
    const candidate = this.#candidate;
    this.#candidate = undefined;
    candidate?.close();
  }

  #try(): void {
    const { clock, handshakeMs, isWanted, open, onGreeted } = this.#options;
    if (!isWanted()) return this.schedule();
    const candidate = open();
    if (candidate === undefined) return;
    this.#candidate = candidate;
    const giveUp = (): void => {
      if (this.#candidate !== candidate) return;
      this.#candidate = undefined;
      cancel();
      candidate.close();
      this.schedule();
    };
    const cancel = clock.after(handshakeMs, giveUp);
    candidate.onclose = giveUp;
    candidate.onerror = () => {};
    candidate.onmessage = ({ data }) => {
      const text = String(data);
      const hello = decode(text);
      // The fallback works: a server that this client can't speak to must not take its place.
      if (this.#candidate !== candidate || !isWanted()) return giveUp();
      if (hello?.op !== "HELLO" || versionFault("server", hello) !== undefined) return giveUp();
      this.#candidate = undefined;
      cancel();
      onGreeted(candidate, text);
    };
  }
}

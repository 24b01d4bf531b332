/**
 * The address of the stream. That of a replay names the place where its next connection continues:
 * a replay has no state on the server, so a pause, another speed and another place are connections.
 */
import type { ReplayConfig } from "../port.ts";

export interface ReplayChange {
  readonly from?: string;
  readonly speed?: string;
}

export class StreamAddress {
  readonly #url: string;
  #replay: ReplayConfig | undefined;

  constructor(url: string, replay: ReplayConfig | undefined) {
    this.#url = url;
    this.#replay = replay;
  }

  /** The client has everything up to this seq. */
  reached(seq: number): void {
    this.change({ from: String(seq) });
  }

  change({ from, speed }: ReplayChange): void {
    const replay = this.#replay;
    if (replay !== undefined)
      this.#replay = { ...replay, from: from ?? replay.from, speed: speed ?? replay.speed };
  }

  get url(): string {
    if (this.#replay === undefined) return this.#url;
    // JSON leaves out what is not given.
    const given = JSON.parse(JSON.stringify(this.#replay)) as Record<string, string>;
    return `${this.#url}?${new URLSearchParams(given)}`;
  }
}

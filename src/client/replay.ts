/**
 * A client of the past: the views of a page as they were, over the stream of a replay. The time
 * can stand still, pass faster, and begin anew at another place.
 */
import { TidemarkError } from "../std/errors.ts";
import { TidemarkClient, type AnyChannels, type ClientChannels } from "./client.ts";
import type { ClientOptions } from "./client-options.ts";

/** A seq, or a time: a Date, or ISO 8601. */
export type ReplayMoment = number | Date | string;

export interface ReplayOptions extends Omit<ClientOptions, "carriers"> {
  /** The address of the server's replays, `ws://…/v2/replay`. An `http:` address works, too. */
  readonly url: string;
  readonly from: ReplayMoment;
  /** Default: it goes on to the live edge, and follows it. */
  readonly to?: ReplayMoment;
  /** Times faster than it was. Infinity: as fast as the client takes it. Default 1. */
  readonly speed?: number;
  /** Default: all channels with history that the caller may see. */
  readonly channels?: readonly string[];
}

export class ReplayClient<C extends ClientChannels = AnyChannels> extends TidemarkClient<C> {
  #speed: number;
  #isPaused = false;

  constructor({ channels, from, speed = 1, to, ...options }: ReplayOptions) {
    super({
      ...options,
      carriers: ["websocket"],
      replay: {
        from: momentText(from),
        to: to === undefined ? undefined : momentText(to),
        speed: speedText(speed),
        channels: channels?.join(","),
      },
    });
    this.#speed = speed;
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  get speed(): number {
    return this.#speed;
  }

  /** The rows stay as they are now. */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.post({ kind: "replay", speed: "0" });
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.post({ kind: "replay", speed: speedText(this.#speed) });
  }

  /** While it is paused: the speed at which it resumes. */
  setSpeed(speed: number): void {
    const text = speedText(speed);
    this.#speed = speed;
    if (!this.#isPaused) this.post({ kind: "replay", speed: text });
  }

  /** Goes on from another moment of the past. */
  seek(from: ReplayMoment): void {
    this.post({ kind: "replay", from: momentText(from) });
  }
}

/** Creates a client of the past. Its rows' types are those of `createClient`. */
export function createReplay<C extends ClientChannels = AnyChannels>(
  options: ReplayOptions,
): ReplayClient<C> {
  return new ReplayClient<C>(options);
}

function momentText(moment: ReplayMoment): string {
  return moment instanceof Date ? moment.toISOString() : String(moment);
}

function speedText(speed: number): string {
  if (speed > 0) return speed === Number.POSITIVE_INFINITY ? "max" : String(speed);
  throw new TidemarkError("BAD_OPTION", `speed is ${speed}, and must be above 0.`);
}

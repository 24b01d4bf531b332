/**
 * What a source is given to work with. News about its channels (status, `as_of`) is held back until
 * the tables have applied what the source appended before it, so freshness never runs ahead of rows.
 */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { Log } from "../log/log.ts";
import type { Source, SourceContext, SourceStatus } from "../sources/source.ts";
import type { ChannelDeclaration } from "../table/channel.ts";
import type { Replica } from "../table/replica.ts";
import type { ChannelStates } from "./channel-states.ts";

export interface SourceHostOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly log: Log;
  readonly replica: Replica;
  readonly states: ChannelStates;
  readonly declare: (declaration: ChannelDeclaration, source: string) => void;
  readonly refuse: SourceContext["refuse"];
  /** Told of channels whose status is news. */
  readonly announce: (channel: string) => void;
}

interface Held {
  readonly seq: number;
  readonly run: () => void;
}

export class SourceHost {
  readonly #options: SourceHostOptions;
  /** By what the news is about: newer news of the same kind replaces older, which bounds it. */
  readonly #held = new Map<string, Held>();

  constructor(options: SourceHostOptions) {
    this.#options = options;
  }

  contextFor(source: Source): SourceContext {
    const { clock, random, logger, log, states, declare, refuse } = this.#options;
    const own: string[] = [];
    return {
      clock,
      random,
      logger: logger.child({ source: source.name }),
      declare: (declaration) => {
        declare(declaration, source.name);
        own.push(declaration.name);
      },
      append: (draft) => log.append({ ...draft, source: source.name }),
      refuse,
      setStatus: (status, channels = own) => {
        for (const channel of channels) this.#whenApplied(`status ${channel}`, () => this.#setStatus(channel, status));
      },
      setAsOf: (unixMs) => this.#whenApplied(`as_of ${source.name}`, () => states.setAsOf(source.name, unixMs)),
    };
  }

  /** The tables have moved: tells what waited for that. */
  applied(): void {
    for (const [about, { seq, run }] of this.#held) {
      if (seq > this.#options.replica.seq) continue;
      this.#held.delete(about);
      run();
    }
  }

  #whenApplied(about: string, run: () => void): void {
    const { log, replica } = this.#options;
    this.#held.delete(about);
    if (replica.seq >= log.head) run();
    else this.#held.set(about, { seq: log.head, run });
  }

  #setStatus(channel: string, status: SourceStatus): void {
    const { clock, logger, states, announce } = this.#options;
    const reason = "reason" in status ? status.reason : undefined;
    if (!states.set(channel, status.status, reason, clock.now())) return;
    logger.info({ channel, status: status.status, reason }, "channel status");
    announce(channel);
  }
}

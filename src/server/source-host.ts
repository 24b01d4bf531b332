/**
 * The contexts of sources. A source's drafts are appended to the log in order, on the condition
 * that no other leader has appended for the source since. All nodes thus have the same state of a
 * source at the same seq, and its freshness follows the rows that it covers.
 */
import type { Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import type { Random } from "../std/random.ts";
import { withoutStore, type ChannelDeclaration } from "../log/channel.ts";
import type { Log } from "../log/log.ts";
import type { Source, SourceContext, SourceDraft, SourceLogger } from "../sources/source.ts";
import type { Replica } from "../table/replica.ts";
import type { InterestTracker } from "./interest-tracker.ts";

export interface SourceHostOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: SourceLogger;
  readonly log: Log;
  readonly replica: Replica;
  readonly interest: InterestTracker;
  readonly refuse: SourceContext["refuse"];
  /** Resolves when a history store holds everything up to a seq. Default: there is none. */
  readonly durable?: ((seq: number) => Promise<void>) | undefined;
  /** Resolves when the channel's rows can be kept: at once where there is no history. */
  readonly roomFor?: ((channels: readonly string[]) => Promise<void>) | undefined;
}

export class SourceHost {
  readonly #options: SourceHostOptions;
  /** The source that declares each channel in this process; undefined for the program. */
  readonly #owners = new Map<string, string | undefined>();

  constructor(options: SourceHostOptions) {
    this.#options = options;
  }

  /** @throws TidemarkError `BAD_OPTION` for a name that another source declares */
  claim(channel: string, owner: string | undefined): void {
    if (this.#owners.has(channel) && this.#owners.get(channel) !== owner)
      throw new TidemarkError("BAD_OPTION", `Channel "${channel}" is declared twice.`);
    this.#owners.set(channel, owner);
  }

  /** Without a store, rows would wait for it for ever. */
  #requireStore({ name, history }: ChannelDeclaration): void {
    if (history === undefined || this.#options.durable !== undefined) return;
    throw new TidemarkError("BAD_OPTION", withoutStore(name));
  }

  /** The context of a source, beginning at its source position in the log. */
  contextFor({ name }: Pick<Source, "name">): SourceContext {
    const {
      clock,
      random,
      logger,
      log,
      replica,
      interest,
      refuse,
      durable = () => Promise.resolve(),
      roomFor = () => Promise.resolve(),
    } = this.#options;
    let sourcePosition = replica.sourcePositionOf(name);
    let last: Promise<unknown> = Promise.resolve();
    const append = async (draft: SourceDraft): Promise<number> => {
      for (const declaration of draft.declares ?? []) {
        this.#requireStore(declaration);
        this.claim(declaration.name, name);
      }
      await roomFor(draft.changes.map(({ channel }) => channel));
      const seq = await log.append({ ...draft, source: name }, { source: name, sourcePosition });
      sourcePosition = draft.sourcePosition ?? sourcePosition;
      for (const channel of draft.drops ?? []) this.#owners.delete(channel);
      return seq;
    };
    return {
      clock,
      random,
      logger,
      get sourcePosition() {
        return sourcePosition;
      },
      append: (draft) => {
        const appended = last.then(() => append(draft));
        // The next draft does not depend on the outcome of this one.
        last = appended.catch(() => {});
        return appended;
      },
      refuse,
      durable,
      interest: interest.of((channel) => this.#owners.get(channel) === name),
    };
  }
}

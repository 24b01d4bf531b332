/**
 * The facts for the next step of a subscription. One object is reused: it is filled anew for each
 * step, of which every session and turn has several.
 */
import { assert } from "../../std/assert.ts";
import type { SnapshotReason } from "../../protocol/messages/subscribed.ts";
import type { View } from "../../table/view.ts";
import type { Subscription } from "./session.ts";
import type { Delta, SubscriptionFacts } from "./subscription.ts";
import type { ViewUpdate } from "./view-update.ts";
import type { ViewUpdateCache } from "./view-update-cache.ts";

export interface TurnFactsOptions {
  readonly updates: ViewUpdateCache;
  /** The newest change of a channel. */
  readonly headOf: (channel: string) => number;
  readonly monotonic: () => number;
  readonly aheadMsMax: number;
}

export class TurnFacts implements SubscriptionFacts {
  headSeq = 0;
  lastSeq = 0;
  waitedMs = 0;
  readonly aheadMsMax: number;
  hasCredit = true;
  hasRoom = true;
  isAbandoned = false;
  isWithinSeq = false;
  isWhole = false;
  /** The delta that the last step found, which is the one to begin. */
  delta: ViewUpdate | undefined;
  #view: View | undefined;
  readonly #options: TurnFactsOptions;

  constructor(options: TurnFactsOptions) {
    this.#options = options;
    this.aheadMsMax = options.aheadMsMax;
  }

  /** Fills the object for one step. */
  of(
    { view, state, update, isWhole }: Subscription,
    hasCredit: boolean,
    hasRoom: boolean,
  ): TurnFacts {
    const isOpening = state.kind === "opening";
    this.#view = view;
    this.delta = undefined;
    this.lastSeq = view.rows.lastSeq;
    this.headSeq = isOpening ? this.#options.headOf(view.channel) : this.lastSeq;
    this.waitedMs = isOpening ? this.#options.monotonic() - state.sinceMs : 0;
    this.hasCredit = hasCredit;
    this.hasRoom = hasRoom;
    this.isWhole = isWhole;
    this.isAbandoned = update?.isAbandoned === true;
    this.isWithinSeq =
      !hasRoom &&
      state.kind === "sending" &&
      update?.kind === "delta" &&
      update.seqBefore(state.nextFrame) === undefined;
    return this;
  }

  deltaFrom(cursor: number): Delta {
    assert(this.#view !== undefined, "a view to look for a delta in");
    this.delta = this.#options.updates.delta(this.#view, cursor);
    return this.delta === undefined ? whyNoDelta(this.#view, cursor) : "there";
  }
}

function whyNoDelta(view: View, cursor: number): SnapshotReason {
  if (view.changesSince(cursor) !== undefined) return "smaller";
  return cursor < view.rows.builtSeq && view.id !== view.channel ? "view_gone" : "floor";
}

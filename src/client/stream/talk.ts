/**
 * How the engine says what it wants. Over a stream it may speak at any time, and grants credit; a poll names
 * everything each time, and nothing can be said in between. The engine asks whichever its connection is.
 */
import type { ResyncReason } from "../../protocol/messages/resync.ts";
import type { UpMessage } from "../../protocol/up.ts";
import type { CreditPolicy } from "./credit.ts";
import type { EngineView } from "./engine-view.ts";
import { batchesOf, type Requests } from "./requests.ts";

export interface Talk {
  /** How writes go. */
  readonly way: "stream" | "poll";
  /** Silence of some seconds means that what is shown may be old. */
  readonly isHeardOften: boolean;
  /** Each answer seats the views anew. */
  readonly isSeatedAnew: boolean;
  /** The views that IDENTIFY or RESUME names, as many as one frame takes. */
  identify(views: readonly EngineView[]): readonly EngineView[];
  /** READY: `missing` are views that were opened meanwhile, or did not fit. */
  opened(missing: () => readonly EngineView[]): void;
  subscribe(views: readonly EngineView[]): void;
  /** `seq`: where to continue from, in this history and view; undefined for a snapshot. */
  resync(view: EngineView, reason: ResyncReason, seq: number | undefined): void;
  /** Grants again what may have been lost on the way up. */
  renewCredit(): void;
  /** The page has shown what it was told: grants what was spent. */
  replenish(): void;
  /** A heartbeat asks again for what was not answered. */
  readonly asksAgain: boolean;
}

export interface TalkOptions {
  readonly send: (message: UpMessage) => void;
  readonly requests: Requests;
  readonly credit: CreditPolicy;
}

export class StreamTalk implements Talk {
  readonly way = "stream";
  readonly isHeardOften = true;
  readonly isSeatedAnew = false;
  readonly asksAgain = true;
  readonly #options: TalkOptions;

  constructor(options: TalkOptions) {
    this.#options = options;
  }

  identify(views: readonly EngineView[]): readonly EngineView[] {
    return batchesOf(views)[0] ?? [];
  }

  opened(missing: () => readonly EngineView[]): void {
    const { send, credit } = this.#options;
    send({ op: "CREDIT", turns: credit.grant() });
    const views = missing();
    if (views.length > 0) this.subscribe(views);
  }

  subscribe(views: readonly EngineView[]): void {
    const { send, requests } = this.#options;
    for (const batch of batchesOf(views)) {
      const id = requests.add(batch);
      send({ op: "SUBSCRIBE", id, subscriptions: batch.map(({ request }) => request) });
    }
  }

  resync(view: EngineView, reason: ResyncReason, seq: number | undefined): void {
    const { send, requests } = this.#options;
    if (view.viewId === undefined) return this.subscribe([view]);
    send({
      op: "RESYNC",
      id: requests.add([view]),
      view: view.viewId,
      reason,
      ...(seq !== undefined && { seq }),
    });
  }

  renewCredit(): void {
    const { send, credit } = this.#options;
    send({ op: "CREDIT", turns: credit.grant(credit.left) });
  }

  replenish(): void {
    const { send, credit } = this.#options;
    const turns = credit.replenish();
    if (turns !== undefined) send({ op: "CREDIT", turns });
  }
}

export class PollTalk implements Talk {
  readonly way = "poll";
  readonly isHeardOften = false;
  readonly isSeatedAnew = true;
  readonly asksAgain = false;
  readonly #send: TalkOptions["send"];
  #polls = 0;

  constructor({ send }: TalkOptions) {
    this.#send = send;
  }

  /** The next poll names the next of the batches. */
  identify(views: readonly EngineView[]): readonly EngineView[] {
    const batches = batchesOf(views);
    return batches[this.#polls++ % Math.max(1, batches.length)] ?? [];
  }

  opened(): void {}

  /** The next poll names every view, and comes at once. */
  subscribe(): void {
    this.#send({ op: "SUBSCRIBE", subscriptions: [] });
  }

  resync(): void {
    this.subscribe();
  }

  renewCredit(): void {}

  replenish(): void {}
}

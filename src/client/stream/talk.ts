/**
 * How the engine sends requests. Over a stream it may send at any time, and grants credit; a poll
 * names every view each time, and nothing can be sent between two polls. The engine uses the one
 * that fits its connection.
 */
import type { ResyncReason } from "../../protocol/messages/resync.ts";
import type { UpMessage } from "../../protocol/up.ts";
import type { CreditPolicy } from "./credit.ts";
import type { EngineView } from "./engine-view.ts";
import { batchesOf, type Requests } from "./requests.ts";

export interface Talk {
  /** How the connection sends writes. */
  readonly way: "stream" | "poll";
  /** The server sends a turn each second, so silence means that rows may be old. */
  readonly isHeardOften: boolean;
  /** Each answer subscribes to the views anew. */
  readonly subscribesAnew: boolean;
  /** The views that IDENTIFY or RESUME names, as many as one frame takes. */
  identify(views: readonly EngineView[]): readonly EngineView[];
  /** READY: `missing` are views that were opened meanwhile, or did not fit. */
  opened(missing: () => readonly EngineView[]): void;
  subscribe(views: readonly EngineView[]): void;
  /** `seq`: where to continue from, in this history and view; undefined for a snapshot. */
  resync(view: EngineView, reason: ResyncReason, seq: number | undefined): void;
  /** Grants credit again, in case an earlier grant was lost. */
  renewCredit(): void;
  /** The page has shown everything: grants the credit that was spent. */
  replenish(): void;
  /** With each heartbeat, requests without an answer are sent again. */
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
  readonly subscribesAnew = false;
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
  readonly subscribesAnew = true;
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

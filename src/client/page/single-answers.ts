/** What a page asks over HTTP, without a view: queries of now and then, and channels. */
import type { WireQuery } from "../../protocol/query.ts";
import type { TimedQuery } from "../../protocol/user-query.ts";
import type { ChannelDescription } from "./channel-description.ts";
import type { HistoryAnswer, HistoryOptions } from "./fetch-history.ts";
import type { QueryAnswer } from "./fetch-query.ts";
import { importAgain } from "../import-again.ts";
import type { PageRequests } from "./page-requests.ts";

export interface SingleAnswersOptions {
  readonly requests: PageRequests;
  readonly credentials: () => unknown;
}

type Signal = AbortSignal | undefined;

export class SingleAnswers {
  readonly #options: SingleAnswersOptions;

  constructor(options: SingleAnswersOptions) {
    this.#options = options;
  }

  async fetch({ query, asOf }: TimedQuery, signal: Signal): Promise<QueryAnswer> {
    if (asOf !== undefined) {
      const { allPages } = await import("./fetch-history.ts").catch(
        importAgain<typeof import("./fetch-history.ts")>,
      );
      const first = { asOf, ...(signal && { signal }) };
      return allPages(query, first, (page, options) => this.page(page, options));
    }
    const { credentials, requests } = this.#options;
    const { answerIn, askFor } = await import("./fetch-query.ts").catch(
      importAgain<typeof import("./fetch-query.ts")>,
    );
    const body = askFor(query, await credentials());
    return answerIn(await requests.send("/changes", "snapshot", signal, body), query);
  }

  async describe(channel: string, signal: Signal): Promise<ChannelDescription> {
    const { describeChannel } = await import("./channel-description.ts").catch(
      importAgain<typeof import("./channel-description.ts")>,
    );
    return describeChannel(this.#options.requests, channel, signal);
  }

  history({ query, asOf }: TimedQuery, options: HistoryOptions): Promise<HistoryAnswer> {
    return this.page(query, { ...(asOf !== undefined && { asOf }), ...options });
  }

  async page(query: WireQuery, options: HistoryOptions): Promise<HistoryAnswer> {
    const { credentials, requests } = this.#options;
    const { askForHistory, historyIn } = await import("./fetch-history.ts").catch(
      importAgain<typeof import("./fetch-history.ts")>,
    );
    const body = askForHistory(query, options, await credentials());
    return historyIn(await requests.send("/history", "snapshot", options.signal, body));
  }
}

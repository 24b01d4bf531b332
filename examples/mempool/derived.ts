/** What the server computes from the features: how often each protocol is used, and for what. */
import { count, derived, max, sum } from "tidemark/derived";
import { feed, HISTORY } from "./channels.ts";

export const derivedChannels = {
  /** Of the features in the live table. */
  feature_top: derived({
    from: { "feature.main": feed["feature.main"] },
    over: "window",
    groupBy: { protocol: "protocol", category: "category" },
    columns: { features: count(), value: sum("value"), last_unix_ms: max("seen_unix_ms") },
    history: HISTORY,
  }),
};

/** How many rows the history of a channel has. */
import { useEffect, useState } from "react";
import { useTidemarkClient } from "../src/react/index.ts";

/** How often the number of stored rows is asked for. */
const TOTAL_MS = 10_000;

/** Undefined where the server does not say. */
export function useHistoryTotal(channel: string, known: number | undefined): number | undefined {
  const client = useTidemarkClient();
  const [total, setTotal] = useState(known);
  const isCounted = known !== undefined;
  useEffect(() => {
    if (!isCounted) return undefined;
    const abort = new AbortController();
    const timer = setInterval(() => {
      if (document.hidden) return;
      client.describe(channel, abort).then(
        ({ history }) => setTotal(history?.rows),
        // The last number stays.
        () => {},
      );
    }, TOTAL_MS);
    return () => {
      abort.abort();
      clearInterval(timer);
    };
  }, [client, channel, isCounted]);
  return total ?? known;
}

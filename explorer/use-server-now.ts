/** The server's present time in steps of a second: ages of rows don't depend on this page's clock. */
import { useTidemarkClient } from "../src/react/index.ts";
import { useNow } from "../examples/review/ui/use-now.ts";

export function useServerNow(): number {
  const { connection } = useTidemarkClient();
  return useNow() + connection.getSnapshot().clockOffsetMs;
}

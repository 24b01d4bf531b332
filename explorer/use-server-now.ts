/**
 * The time for ages, in steps of a second: the server's present time, so that ages don't depend on
 * this page's clock; or the moment that the page is rewound to.
 */
import { useCallback, useContext } from "react";
import { useTidemarkClient } from "../src/react/index.ts";
import { useNow } from "../examples/ui/use-now.ts";
import { PastContext } from "./past.ts";

export function useServerNow(): number {
  const present = usePresent();
  return useContext(PastContext) ?? present;
}

/** The server's present time. */
export function usePresent(): number {
  const { connection } = useTidemarkClient();
  return useNow() + connection.getSnapshot().clockOffsetMs;
}

/** Reads the server's present time when it is called. */
export function useExactPresent(): () => number {
  const { connection } = useTidemarkClient();
  return useCallback(() => Date.now() + connection.getSnapshot().clockOffsetMs, [connection]);
}

/** Whether the page shows the past. */
import { createContext, useContext } from "react";

export const RewoundContext = createContext(false);

export function useIsRewound(): boolean {
  return useContext(RewoundContext);
}

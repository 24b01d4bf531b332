/** The present time for components that show ages. */
import { useEffect, useState } from "react";
import { systemClock, type Cancel } from "../std/clock.ts";

/** Unix milliseconds; renders about every `everyMs` while mounted. */
export function useNow(everyMs = 1_000): number {
  const [nowMs, setNowMs] = useState(() => systemClock.now());
  useEffect(() => {
    let cancel: Cancel = () => {};
    const tick = (): void => {
      setNowMs(systemClock.now());
      cancel = systemClock.after(everyMs, tick);
    };
    cancel = systemClock.after(everyMs, tick);
    return () => cancel();
  }, [everyMs]);
  return nowMs;
}

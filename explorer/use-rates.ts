/**
 * The rates of the last minute of each table, for sparklines: one sample per second while the page
 * hears from the server.
 *
 * Retains at most `SAMPLES` numbers per table that the catalog has.
 */
import { useEffect, useRef, useState } from "react";
import type { Row } from "../src/client/index.ts";

export const SAMPLES = 60;
const SAMPLE_MS = 1_000;

/** The samples of each channel, the oldest first; undefined where nothing was heard. */
export type Rates = ReadonlyMap<string, readonly (number | undefined)[]>;

export function useRates(channels: readonly Row[], isConnected: boolean): Rates {
  const now = useRef({ channels, isConnected });
  useEffect(() => {
    now.current = { channels, isConnected };
  });
  const [rates, setRates] = useState<Rates>(new Map());
  useEffect(() => {
    const timer = setInterval(() => {
      const { current } = now;
      if (document.hidden) return;
      setRates((before) => {
        const sampled = current.channels.map((row): [string, readonly (number | undefined)[]] => {
          const name = String(row["channel"]);
          const rate = current.isConnected ? Number(row["changes_per_second"] ?? 0) : undefined;
          return [name, [...(before.get(name) ?? []).slice(1 - SAMPLES), rate]];
        });
        return new Map(sampled);
      });
    }, SAMPLE_MS);
    return () => clearInterval(timer);
  }, []);
  return rates;
}

/** The markets that have quotes, for the choices of widgets that show one. */
import type { ReactElement } from "react";
import type { LiveQueryResult } from "tidemark/react";
import { useLiveQuery } from "./hooks.ts";

const QUOTES = { channel: "quotes", orderBy: [{ column: "symbol" }], limit: 200 } as const;

function useSymbols(): readonly string[] {
  return useLiveQuery(QUOTES, { select: ({ keys }) => keys, isEqual: isSameList });
}

type MarketState = Pick<LiveQueryResult, "status" | "reason">;

/** How fresh the markets are, for a widget that asks for several things. */
export function useMarketState(): MarketState {
  return useLiveQuery(QUOTES, {
    select: ({ status, reason }): MarketState => ({ status, reason }),
    isEqual: (left, right) => left.status === right.status && left.reason === right.reason,
  });
}

/** The market of a widget: its own, or the one that most people look at. */
export function useSymbol(chosen: string | undefined): string | undefined {
  const symbols = useSymbols();
  return chosen ?? (symbols.includes("BTCUSDT") ? "BTCUSDT" : symbols[0]);
}

export function SymbolSelect({
  value,
  onChange,
}: {
  readonly value: string | undefined;
  readonly onChange: (symbol: string) => void;
}): ReactElement {
  const symbols = useSymbols();
  const all = value === undefined || symbols.includes(value) ? symbols : [value, ...symbols];
  return (
    <select
      aria-label="Market"
      value={value ?? ""}
      onChange={({ target }) => onChange(target.value)}
    >
      {value === undefined && <option value="">–</option>}
      {all.map((symbol) => (
        <option key={symbol}>{symbol}</option>
      ))}
    </select>
  );
}

function isSameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

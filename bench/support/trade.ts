/** The row of the benchmarks: about 230 bytes of JSON, as in a trade feed. */

export interface Trade {
  readonly id: string;
  readonly symbol: string;
  readonly price: string;
  readonly quantity: string;
  readonly side: string;
  readonly venue: string;
  readonly sent_ms: number;
  readonly seen_unix_ms: number;
  readonly trade_id: number;
  readonly note: string;
}

let sequence = 0;

/**
 * `id` is one of `keys`; `sent_ms` is the time when the row was made, for latency on the same
 * machine.
 */
export function makeTrade(keys: number): Trade {
  const n = ++sequence;
  return {
    id: `t${n % keys}`,
    symbol: `S${n % 100}`,
    price: (20_000 + (n % 977) / 7).toFixed(4),
    quantity: ((n % 53) / 9).toFixed(6),
    side: n % 2 === 0 ? "buy" : "sell",
    venue: "binance-futures",
    sent_ms: performance.timeOrigin + performance.now(),
    seen_unix_ms: Date.now(),
    trade_id: 7_000_000_000 + n,
    note: "0123456789abcdefghij",
  };
}

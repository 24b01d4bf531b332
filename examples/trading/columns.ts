/** The columns of the channels with their types, for declarations and for filters. */
export const COLUMNS = {
  trades: {
    symbol: "text",
    id: "integer",
    price: "numeric",
    quantity: "numeric",
    side: "text",
    time: "timestamp",
  },
  quotes: {
    symbol: "text",
    bid: "numeric",
    bid_quantity: "numeric",
    ask: "numeric",
    ask_quantity: "numeric",
    update_id: "integer",
    time: "timestamp",
  },
  depth: { symbol: "text", side: "text", price: "numeric", quantity: "numeric" },
  candles: {
    bucket: "timestamp",
    open: "numeric",
    high: "numeric",
    low: "numeric",
    close: "numeric",
    volume: "numeric",
    trades: "integer",
  },
  volumes: { symbol: "text", side: "text", volume: "numeric", trades: "integer" },
  movers: { symbol: "text", first: "numeric", last: "numeric", move: "float", size: "float" },
} as const;

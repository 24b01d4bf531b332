/** Which feed runs: the built-in one, Binance's, or a recording of Binance's. */
import { parseArgs } from "node:util";
import type { Source } from "tidemark";
import { binance } from "tidemark/binance";
import { HISTORY, SYMBOL_ROWS, TRADES_MAX } from "../channels.ts";
import { BuiltInFeed } from "./built-in.ts";
import { Recording } from "./recording.ts";

export type FeedOptions =
  | {
      readonly kind: "built-in";
      readonly seed?: number;
      readonly rowsPerSecond?: number;
      /** How much of the past an empty store gets. */
      readonly pastMs?: number;
    }
  | {
      readonly kind: "binance";
      /** Default: those of the built-in feed. */
      readonly symbols?: readonly string[];
      /** Base addresses, for another region or a proxy. */
      readonly url?: string;
      readonly restUrl?: string;
    }
  | { readonly kind: "replay"; readonly file: string; readonly speed?: number };

const ROWS_PER_SECOND = 180;
const PAST_MS = 20 * 60_000;

export function feedSource(feed: FeedOptions): Source {
  switch (feed.kind) {
    case "built-in":
      return new BuiltInFeed({
        seed: feed.seed ?? 1,
        rowsPerSecond: feed.rowsPerSecond ?? ROWS_PER_SECOND,
        pastMs: feed.pastMs ?? PAST_MS,
      });
    case "replay":
      return new Recording({ file: feed.file, speed: feed.speed ?? 1 });
    case "binance":
      return binance({
        name: "feed",
        symbols: feed.symbols ?? SYMBOL_ROWS.map(({ symbol }) => symbol),
        ...(feed.url !== undefined && { url: feed.url }),
        ...(feed.restUrl !== undefined && { restUrl: feed.restUrl }),
        depthLevels: 25,
        channels: {
          trades: { bounds: { rowsMax: TRADES_MAX }, history: HISTORY.trades },
          quotes: { history: HISTORY.quotes },
          depth: { history: HISTORY.depth },
        },
      });
  }
}

export interface FeedArguments {
  readonly feed: FeedOptions;
  readonly data: string | undefined;
  /** The value of a flag that the program adds. */
  readonly numberOf: (flag: string) => number;
}

/**
 * The flags of the command line. `numbers`: further ones with their defaults.
 * @throws Error in words
 */
export function feedArguments(numbers: Readonly<Record<string, number>> = {}): FeedArguments {
  const defaults = { rate: ROWS_PER_SECOND, seed: 1, speed: 1, ...numbers };
  const parsed = parseArgs({
    allowPositionals: true,
    options: {
      feed: { type: "string", default: "built-in" },
      data: { type: "string" },
      symbols: { type: "string" },
      url: { type: "string" },
      "rest-url": { type: "string" },
      ...Object.fromEntries(
        Object.entries(defaults).map(([flag, value]) => [
          flag,
          { type: "string", default: String(value) } as const,
        ]),
      ),
    },
  });
  const values: Readonly<Record<string, string | undefined>> = parsed.values;
  const numberOf = (flag: string): number => {
    const value = Number(values[flag]);
    if (value > 0) return value;
    throw new Error(`--${flag} must be a number above 0.`);
  };
  const feed = feedOf(values, parsed.positionals, numberOf);
  return { feed, data: values["data"], numberOf };
}

function feedOf(
  {
    feed: kind = "",
    symbols,
    url,
    "rest-url": restUrl,
  }: Readonly<Record<string, string | undefined>>,
  [file]: readonly string[],
  numberOf: (flag: string) => number,
): FeedOptions {
  switch (kind) {
    case "built-in":
      return { kind, seed: numberOf("seed"), rowsPerSecond: numberOf("rate") };
    case "binance":
      return {
        kind,
        ...(symbols !== undefined && { symbols: symbols.split(",") }),
        ...(url !== undefined && { url }),
        ...(restUrl !== undefined && { restUrl }),
      };
    case "replay":
      if (file === undefined) throw new Error("--feed replay needs a file.");
      return { kind, file, speed: numberOf("speed") };
    default:
      throw new Error(`--feed is built-in, binance or replay, and not ${kind}.`);
  }
}

/**
 * What is done in the sessions that are recorded: every message in both directions comes up in one
 * of them.
 */
import type { ClientAction, Frame, ServerAction } from "./recording.ts";

type ScriptStep =
  | { readonly server: ServerAction }
  | { readonly client: ClientAction }
  | { readonly connect: true }
  | { readonly cut: true }
  | { readonly up: Frame }
  /** Waits until the digest of the newest seq has come. */
  | { readonly digest: string }
  | { readonly rows: readonly string[] };

export interface Script {
  readonly name: string;
  readonly hasClient: boolean;
  readonly hasDigests: boolean;
  readonly steps: readonly ScriptStep[];
}

const trade = (id: string, symbol: string, price: number, note?: string): object => ({
  id,
  symbol,
  price,
  ...(note !== undefined && { note }),
});
const upsert = (...rows: readonly object[]): ScriptStep => ({ server: { upsert: "trades", rows } });
const remove = (...keys: readonly string[]): ScriptStep => ({ server: { remove: "trades", keys } });
const up = (frame: Frame): ScriptStep => ({ up: frame });
const open = (name: string, query: object): ScriptStep => ({ client: { open: name, query } });

const ANN = { user: "ann" };
const BTC = { column: "symbol", eq: "BTC" };
const CONNECT = { connect: true } as const;
const CUT = { cut: true } as const;
/** More than one frame takes, in one commit. */
const LARGE = upsert(
  ...["x", "y", "z"].map((id) =>
    trade(id, "BTC", 7, `a note of some length, of ${id}: `.repeat(3)),
  ),
);

export const SCRIPTS: readonly Script[] = [
  {
    name: "frames of every kind",
    hasClient: false,
    hasDigests: false,
    steps: [
      CONNECT,
      up({ op: "HEARTBEAT" }),
      up({ op: "SUBSCRIBE", id: 9, subscriptions: ["trades"] }),
      up({
        op: "IDENTIFY",
        auth: ANN,
        subscriptions: [
          "trades",
          {
            channel: "trades",
            where: BTC,
            order_by: [{ column: "price", direction: "desc" }],
            limit: 2,
          },
          {
            channel: "trades",
            where: { not: { column: "symbol", in: ["ETH"] } },
            columns: ["price"],
          },
          "nowhere",
        ],
      }),
      upsert(trade("a", "BTC", 1), trade("b", "ETH", 2), trade("c", "BTC", 3)),
      upsert(trade("a", "BTC", 4)),
      remove("b"),
      LARGE,
      up({ op: "HEARTBEAT", client_time_unix_ms: 1_700_000_000_000 }),
      up({
        op: "SUBSCRIBE",
        id: 1,
        subscriptions: [
          "notes",
          { channel: "trades", where: { column: "nope", eq: 1 } },
          { channel: "trades", where: { column: "price", between: [1] } },
          {
            channel: "trades",
            where: {
              and: [
                { column: "price", between: [1, 5] },
                {
                  or: [
                    { column: "symbol", like: "B%" },
                    { column: "note", is_null: false },
                  ],
                },
              ],
            },
          },
        ],
      }),
      up({ op: "RESYNC", id: 2, view: "trades", reason: "drift" }),
      up({ op: "RESYNC", id: 3, view: "trades", seq: 4, reason: "gap" }),
      up({ op: "RESYNC", id: 4, view: "unknown" }),
      up({ op: "UNSUBSCRIBE", views: ["notes", "unknown"] }),
      up({ op: "CREDIT", channel_credit: { trades: 0 } }),
      upsert(trade("a", "BTC", 5)),
      up({ op: "CREDIT", channel_credit: { trades: null } }),
      up({ op: "CREDIT", turns: 0 }),
      remove("a", "c", "x", "y", "z"),
      upsert(trade("a", "BTC", 6)),
      up({ op: "CREDIT", turns: null }),
      up({
        op: "MUTATE",
        mutation_id: "mutation-1",
        name: "trades.reprice",
        input: { id: "a", price: 8 },
      }),
      up({
        op: "MUTATE",
        mutation_id: "mutation-2",
        name: "trades.reprice",
        input: { id: "a", price: -1 },
      }),
      up({
        op: "MUTATE",
        mutation_id: "mutation-3",
        name: "trades.reprice",
        input: { id: "a", price: 9 },
        expected_seq: 2,
      }),
      up({ op: "MUTATE", mutation_id: "mutation-4", name: "trades.nothing", input: null }),
      up({ op: "NONSENSE" }),
    ],
  },
  {
    name: "sessions that end and go on",
    hasClient: false,
    hasDigests: false,
    steps: [
      CONNECT,
      up({ op: "IDENTIFY", auth: { user: "eve" }, subscriptions: ["trades"] }),
      upsert(trade("a", "BTC", 1), trade("b", "ETH", 2)),
      CUT,
      upsert(trade("b", "ETH", 3)),
      CONNECT,
      up({
        op: "RESUME",
        session_id: "id_of_session_2",
        auth: { user: "eve" },
        subscriptions: [
          { channel: "trades", cursor: { epoch: "id_of_epoch_1", view: "id_of_view_1", seq: 2 } },
        ],
      }),
      CUT,
      CONNECT,
      up({ op: "RESUME", session_id: "sess_nobody", auth: ANN }),
      up({ op: "IDENTIFY", auth: ANN, subscriptions: ["trades"], snapshot_seq: 2, epoch: "other" }),
      { server: { revoke: ANN } },
      up({ op: "IDENTIFY", auth: ANN }),
      { server: { stop: true } },
    ],
  },
  {
    name: "credentials that are refused",
    hasClient: false,
    hasDigests: false,
    steps: [CONNECT, up({ op: "IDENTIFY", auth: null })],
  },
  {
    name: "a client's views and writes",
    hasClient: true,
    hasDigests: false,
    steps: [
      upsert(trade("a", "BTC", 1), trade("b", "ETH", 2), trade("c", "BTC", 3)),
      open("all", { channel: "trades" }),
      open("bitcoin", { channel: "trades", where: BTC }),
      { rows: ["all", "bitcoin"] },
      upsert(trade("b", "BTC", 4)),
      LARGE,
      remove("a"),
      { rows: ["all", "bitcoin"] },
      open("prices", { channel: "trades", where: BTC, columns: ["price"] }),
      { client: { mutate: "reprice", input: { id: "c", price: 9 } } },
      { rows: ["all", "bitcoin", "prices"] },
      { client: { close: "prices" } },
      CUT,
      upsert(trade("d", "BTC", 5)),
      { rows: ["all", "bitcoin"] },
      { server: { revoke: ANN } },
      upsert(trade("e", "ETH", 6)),
      { rows: ["all", "bitcoin"] },
    ],
  },
  {
    name: "a client's digests",
    hasClient: true,
    hasDigests: true,
    steps: [
      upsert(trade("a", "BTC", 1), trade("b", "ETH", 2)),
      open("bitcoin", { channel: "trades", where: BTC }),
      { digest: "bitcoin" },
      upsert(trade("c", "BTC", 1e-7)),
      { digest: "bitcoin" },
      { rows: ["bitcoin"] },
    ],
  },
];

/** Tidemark's own protocol as a dialect: its messages as JSON, one per text. */
import { encode } from "../../protocol/codec.ts";
import { parseUp } from "../../protocol/parse-up.ts";
import type { Dialect, DialectConnection } from "../turn/dialect.ts";

const CONNECTION: DialectConnection = { receive: (text) => [parseUp(text)] };

/**
 * `path` is the default: `createTidemark({ paths })` may change it. Other carriers have paths of
 * their own.
 */
export const JSON_DIALECT: Dialect = {
  name: "json",
  path: "/v2/stream",
  carrier: "websocket",
  hasHeartbeats: true,
  connect: () => CONNECTION,
  encode,
};

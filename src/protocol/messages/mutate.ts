/**
 * MUTATE: requests a named write, or, with `position`, only a notice when a write made elsewhere
 * is visible.
 */
import * as v from "valibot";
import { anything, count, custom, fields, only, optional, word, type Schema } from "../schema.ts";

/**
 * Chosen by the client, unique per write. A write that is sent again with the same id runs once.
 */
const mutationId: Schema<string> = custom<string>(
  "8 to 64 of A-Z a-z 0-9 _ -",
  (input) => typeof input === "string" && /^[\w-]{8,64}$/.test(input),
  "must be 8 to 64 letters, digits, _ and -",
);

const all = fields({
  op: only("MUTATE"),
  mutation_id: mutationId,
  /** As declared on the server, dots between its parts. */
  name: optional(word),
  input: optional(anything),
  /** Instead of `name`: the `txid` that the application's own endpoint has answered. */
  position: optional(word),
  /** Refuse the write with `STALE_WRITE` when its row has changed after this seq… */
  expected_seq: optional(count),
  /** …of this history. Default: the server's. */
  epoch: optional(word),
});

export const mutate = Object.assign(
  v.pipe(
    all,
    v.check(
      ({ name, position }) => (name === undefined) !== (position === undefined),
      "MUTATE has either a name or a position",
    ),
  ),
  { entries: (all as unknown as { entries: object }).entries },
);

export type Mutate = v.InferOutput<typeof mutate>;

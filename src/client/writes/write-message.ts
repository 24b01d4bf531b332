/** A write as a MUTATE frame. */
import { TidemarkError } from "../../std/errors.ts";
import type { Mutate } from "../../protocol/messages/mutate.ts";
import type { WriteRequest } from "../port.ts";

export function messageOf({ id, name, input, expected, txid }: WriteRequest): Mutate {
  return {
    op: "MUTATE",
    mutation_id: id,
    ...(txid !== undefined ? { position: txid } : { name: name ?? "", input }),
    ...(expected !== undefined && { expected_seq: expected.seq, epoch: expected.epoch }),
  };
}

/**
 * A frame that is too large for the server would close each new connection. @throws TidemarkError
 * `BAD_OPTION`
 */
export function checkSize(request: WriteRequest, bytesMax: number): void {
  const bytes = JSON.stringify(messageOf(request)).length * 3;
  if (
    bytes <= bytesMax ||
    new TextEncoder().encode(JSON.stringify(messageOf(request))).length <= bytesMax
  )
    return;
  throw new TidemarkError(
    "BAD_OPTION",
    `The mutation's input is larger than ${bytesMax} bytes, which is as much as one frame takes.`,
  );
}

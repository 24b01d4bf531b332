/**
 * The outcomes of writes to the program's own channels, by mutation id, so that a repeated
 * mutation does not write again. Each identity has a bound of its own: an identity that writes
 * much loses its own oldest outcomes, never another's.
 *
 * Retains at most `mutationsRememberedMax` outcomes; of one identity
 * `mutationsRememberedPerIdentityMax`, whose values have `mutationsRememberedBytesMax` bytes
 * together.
 */
import type { WriteOutcome } from "../../sources/writer.ts";
import type { ServerLimits } from "../limits.ts";

export type RememberedLimits = Pick<
  ServerLimits,
  "mutationsRememberedMax" | "mutationsRememberedPerIdentityMax" | "mutationsRememberedBytesMax"
>;

export interface RememberedWrite {
  readonly fingerprint: string;
  readonly caller: string;
  readonly outcome: Promise<WriteOutcome>;
}

/** Stands for callers without identity. */
const NOBODY = "undefined";

/** For each identity: the bytes of its outcomes by id, oldest first. */
interface Share {
  readonly bytesOf: Map<string, number>;
  bytes: number;
}

export class RememberedWrites {
  readonly #limits: RememberedLimits;
  readonly #writes = new Map<string, RememberedWrite>();
  readonly #shares = new Map<string, Share>();

  constructor(limits: RememberedLimits) {
    this.#limits = limits;
  }

  get(id: string): RememberedWrite | undefined {
    return this.#writes.get(id);
  }

  add(id: string, write: RememberedWrite): void {
    const { caller, outcome } = write;
    const share = this.#shares.get(caller) ?? { bytesOf: new Map<string, number>(), bytes: 0 };
    this.#shares.set(caller, share);
    this.#writes.set(id, write);
    share.bytesOf.set(id, 0);
    // Callers without identity have no share of their own.
    if (caller !== NOBODY && share.bytesOf.size > this.#limits.mutationsRememberedPerIdentityMax)
      this.#forgetOldest(share.bytesOf);
    if (this.#writes.size > this.#limits.mutationsRememberedMax) this.#forgetOldest(this.#writes);
    outcome.then(
      (result) => this.#measure(write, id, share, result),
      () => {},
    );
  }

  delete(id: string): void {
    const caller = this.#writes.get(id)?.caller;
    const share = caller === undefined ? undefined : this.#shares.get(caller);
    if (caller === undefined || share === undefined) return;
    share.bytes -= share.bytesOf.get(id) ?? 0;
    share.bytesOf.delete(id);
    this.#writes.delete(id);
    if (share.bytesOf.size === 0) this.#shares.delete(caller);
  }

  #measure(write: RememberedWrite, id: string, share: Share, result: WriteOutcome): void {
    if (this.#writes.get(id) !== write) return;
    const bytes = bytesOf(result);
    share.bytesOf.set(id, bytes);
    share.bytes += bytes;
    while (share.bytes > this.#limits.mutationsRememberedBytesMax && share.bytesOf.size > 1)
      this.#forgetOldest(share.bytesOf);
  }

  #forgetOldest(ids: ReadonlyMap<string, unknown>): void {
    const oldest = ids.keys().next().value;
    if (oldest !== undefined) this.delete(oldest);
  }
}

/** Bytes of an outcome, without its id. */
function bytesOf(result: WriteOutcome): number {
  if (result.kind === "written") return Buffer.byteLength(JSON.stringify(result.value ?? null));
  return Buffer.byteLength(
    result.kind === "rejected"
      ? JSON.stringify([result.error.message, result.error.data ?? null])
      : JSON.stringify(result.row ?? null),
  );
}

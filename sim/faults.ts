/** The kinds of fault. Each is counted when it strikes, so that a run shows which ones did. */

export const FAULTS = [
  "frame dropped",
  "frame delayed",
  "frame duplicated",
  "frame truncated",
  "frame of an old connection after the new one's",
  "frame of the client dropped",
  "cut while connecting",
  "cut before HELLO",
  "cut while identifying",
  "cut while open",
  "cut within a turn",
  "cut between parts of a snapshot",
  "half-open connection",
  "proxy keeps frames back",
  "proxy refuses upgrades",
  "node killed and restarted",
  "log lost",
  "node paused",
  "node behind the others",
  "node's clock set wrong",
  "source gone and back",
  "slow client",
  "stalled client",
  "greedy client",
  "malformed client: old cursor",
  "malformed client: future cursor",
  "malformed client: foreign epoch",
  "credit games",
  "channel credit used up",
  "client's clock jumps forward",
  "client's clock jumps back",
  "client asleep",
  "tab hidden",
  "eviction storm",
  "floor passed",
  "view dropped and made again",
  "reload",
  "rights revoked",
  "network back",
  "store corrupted",
  "database unreachable",
  "answer of a commit lost",
  "node dies with a mutation over HTTP",
  "tail lost",
  "node begins with a checkpoint",
  "log trimmed",
  "slow reader of the log",
  "two leaders",
  "a second leader is refused",
  "channel declared anew",
  "channel status lost",
  "rights looked up slowly",
  "rights revoked while looked up",
  "rights changed while away",
] as const;

export type Fault = (typeof FAULTS)[number];

export class FaultCounts {
  readonly counts = new Map<Fault, number>();
  readonly #enabled: ReadonlySet<Fault>;

  constructor(enabled: ReadonlySet<Fault>) {
    this.#enabled = enabled;
  }

  /** Whether this run has this fault; counts it if so. */
  happens(fault: Fault): boolean {
    if (!this.#enabled.has(fault)) return false;
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
    return true;
  }

  isEnabled(fault: Fault): boolean {
    return this.#enabled.has(fault);
  }
}

/** Asks for a named write, or, with `position`, only to be told when a write made elsewhere has landed. */
export interface Mutate {
  readonly op: "MUTATE";
  /** Made by the client, 8 to 64 of `A–Z a–z 0–9 _ -`, never for two writes. The same id again is the same write again, run once. */
  readonly mutation_id: string;
  /** As declared on the server, dots between its parts. */
  readonly name?: string;
  readonly input?: unknown;
  /** Refuse the write with `STALE_WRITE` when its row has changed after this position… */
  readonly expected_seq?: number;
  /** …of this history. Default: the server's. */
  readonly epoch?: string;
  /** In place of `name`: what the application's own endpoint has answered. */
  readonly position?: string;
}

/** Rules whose loss the simulator must notice: each taken away by changing one place in the source. */

export interface Mutation {
  readonly rule: string;
  readonly file: string;
  /** Stands there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export const MUTATIONS: readonly Mutation[] = [
  {
    rule: "a cursor below the floor of forgotten removals is not served",
    file: "src/table/change-ordered-rows.ts",
    find: "if (cursor < this.#floor) return undefined;",
    replace: "",
  },
  {
    rule: "no turn without credit",
    file: "src/server/turn-writer.ts",
    find: "if (session.credit === 0) {",
    replace: "if (session.credit === -1) {",
  },
  {
    rule: "a delta that does not join on is a gap",
    file: "src/client/staged-rows.ts",
    find: 'if (delta.prev_seq > this.#stagedSeq) return "gap";',
    replace: "",
  },
  {
    rule: "a view entry's change seq is the view's own",
    file: "src/table/view.ts",
    find: "  #show({ key, row, json }: Candidate, { seq, timeMs }: Moment): boolean {\n    if (this.rows.get(key)?.json === json) return false;",
    // The row's own age instead: what moves up because another left is then no news to anyone.
    replace: "  #show({ key, row, json }: Candidate, { timeMs }: Moment): boolean {\n    if (this.rows.get(key)?.json === json) return false;\n    const seq = this.rows.lastSeq;",
  },
  {
    rule: "commits wait between the slices of a flush",
    file: "src/server/turns.ts",
    find: "      if (nowMs - startMs >= limits.sliceMs) {",
    replace: "      if (nowMs - startMs >= limits.sliceMs) {\n        for (const commit of this.#options.log.read(this.#options.replica.seq, 9)) this.#options.replica.apply(commit);",
  },
  {
    rule: "a position moves with the watermark, not with the deltas before it",
    file: "src/client/staged-rows.ts",
    find: "    this.#staged = [];\n    this.#stagedSeq = this.#seq;",
    // What came before the connection was lost counts as a position, although it was never applied.
    replace: "    this.#staged = [];\n    this.#seq = Math.max(this.#seq, this.#stagedSeq);",
  },
  {
    rule: "eviction goes by the commits' time, not by the node's clock",
    file: "src/table/live-table.ts",
    find: "commit.timeMs - oldest.timeMs > ageMsMax;",
    replace: "(globalThis as { nodeTimeMs?: number }).nodeTimeMs! - oldest.timeMs > ageMsMax;",
  },
  {
    rule: "a result waits for the turn that holds the write",
    file: "src/server/landings.ts",
    find: "    if (this.isCovered(landing)) {",
    replace: "    if (this.isCovered(landing) || landing.kind === \"write\") {",
  },
  {
    rule: "a patch stays until its very view stands where the write landed",
    file: "src/client/pending-writes.ts",
    find: "(at === undefined || this.#isBehind(at, landed) === false)",
    replace: "true",
  },
  {
    rule: "a mutation runs once, however often it is asked for",
    file: "src/server/mutation-runner.ts",
    find: "      id, fingerprint,",
    replace: "      id: `${id}${Math.random()}`, fingerprint,",
  },
];

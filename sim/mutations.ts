/**
 * Rules whose removal the simulator must notice. Each is removed by changing one place in the
 * source.
 */

export interface Mutation {
  readonly rule: string;
  readonly file: string;
  /** Occurs in the file exactly once. */
  readonly find: string;
  readonly replace: string;
  /** A seed that notices it. The test tries this one first, so it ends sooner; by default 1. */
  readonly seed?: number;
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
    file: "src/server/turn/turn-writer.ts",
    find: "if (session.credit === 0) {",
    replace: "if (session.credit === -1) {",
  },
  {
    rule: "a delta that begins after the seq of its view is a gap",
    seed: 2,
    file: "src/client/stream/staged-rows.ts",
    find: 'if ((isDigest ? delta.seq : delta.prev_seq) > this.#stagedSeq) return "gap";',
    replace: "",
  },
  {
    rule: "a view entry's change seq is the view's own",
    file: "src/table/window-view.ts",
    find: "    this.rows.set(key, row, json, seq, timeMs, bytes);",
    // The seq of the row instead: then a row that enters because another one left is not sent.
    replace: "    this.rows.set(key, row, json, seq && this.rows.lastSeq, timeMs, bytes);",
  },
  {
    rule: "a limit without an order keeps the newest rows",
    file: "src/table/index-order.ts",
    find: "terms.length === 0 ? newestFirst : ranked;",
    replace: "terms.length < 0 ? newestFirst : ranked;",
  },
  {
    rule: "a window knows how far it has read its index",
    file: "src/table/window-view.ts",
    find: "    this.#frontier = last ?? this.start;",
    // It gives up candidates as if it still had them: rows that it skips then.
    replace: "",
  },
  {
    rule: "a closed end of a range contains its own value",
    file: "src/table/interval.ts",
    find: "  return order > 0 || (order === 0 && !lower.isOpen);",
    replace: "  return order > 0;",
  },
  {
    rule: "commits wait for the next flush while sessions are served",
    seed: 7,
    file: "src/server/turn/turns.ts",
    find: "      nowMs = clock.monotonic();\n",
    replace:
      "      nowMs = clock.monotonic();\n      for (const commit of this.#options.follower.read(9)) this.#options.replica.apply(commit);\n      this.#options.follower.applied();\n",
  },
  {
    rule: "no session is served what its views have not reached",
    file: "src/server/turn/turns.ts",
    find: "    while (replica.follow(isOver)) {",
    replace: "    while (replica.follow(isOver) || replica.seq === this.#targetSeq) {",
  },
  {
    rule: "the seq of a view moves with the watermark, not with the deltas before it",
    file: "src/client/stream/staged-rows.ts",
    find: "    this.#staged = [];\n    this.#stagedSeq = this.#seq;",
    // Deltas that were staged when the connection was lost count as applied.
    replace: "    this.#staged = [];\n    this.#seq = Math.max(this.#seq, this.#stagedSeq);",
  },
  {
    rule: "eviction goes by the commits' time, not by the node's clock",
    file: "src/table/live-table.ts",
    find: "oldest === null || timeMs - oldest.timeMs > ageMsMax",
    replace:
      "oldest === null || (globalThis as { nodeTimeMs?: number }).nodeTimeMs! - oldest.timeMs > ageMsMax",
  },
  {
    rule: "a change does not keep a row longer where rows are evicted by arrival",
    file: "src/table/live-table.ts",
    find: "    return first === undefined ? this.rows.oldest : (this.rows.get(first) ?? null);",
    replace: "    return first === undefined ? null : this.rows.oldest;",
  },
  {
    rule: "the memory budget evicts by the commits alone, not by what the node's views hold",
    file: "src/table/replica.ts",
    find: "    this.budget.bytesMax = commit.tablesBytesMax ?? this.budget.bytesMax;",
    replace:
      "    this.budget.bytesMax = (commit.tablesBytesMax ?? this.budget.bytesMax) - this.viewEntries;",
  },
  {
    rule: "a checkpoint has the memory budget",
    seed: 2,
    file: "src/table/replica.ts",
    find: "    this.budget.bytesMax = checkpoint?.tablesBytesMax ?? Number.POSITIVE_INFINITY;",
    replace: "    this.budget.bytesMax = Number.POSITIVE_INFINITY;",
  },
  {
    rule: "a result waits for the turn that holds the write",
    file: "src/server/mutations/write-visibility.ts",
    find: "    if (this.isVisible(write)) {",
    replace: '    if (this.isVisible(write) || write.source !== "") {',
  },
  {
    rule: "a patch stays until its own view has reached the seq of the write",
    file: "src/client/writes/pending-writes.ts",
    find: "(at === undefined || this.#isBehind(at, visible) === false)",
    replace: "true",
  },
  {
    rule: "a mutation runs once, however often it is requested",
    seed: 3,
    file: "src/server/mutations/mutation-executor.ts",
    find: "      id,\n      fingerprint,",
    replace: "      id: `${id}${Math.random()}`,\n      fingerprint,",
  },
  {
    rule: "a cursor of another view, policy or declaration is refused",
    seed: 4,
    file: "src/server/session/subscription-opener.ts",
    find: "    if (cursor.view !== view.id)\n",
    replace: '    if (cursor.view === "")\n',
  },
  {
    rule: "rights that are revoked while they are looked up are not granted",
    seed: 22,
    file: "src/server/session/session-tokens.ts",
    find: "return this.#allRevoked.count > count || (this.#revoked.get(identityHash)?.count ?? 0) > count;",
    replace: 'return identityHash === "" && count < 0;',
  },
  {
    rule: "a source appends only if no other leader has appended",
    file: "src/server/source-host.ts",
    find: "{ ...draft, source: name }, { source: name, sourcePosition });",
    replace: "{ ...draft, source: name });",
  },
  {
    rule: "a node acknowledges what it has applied, not what has arrived",
    file: "src/server/log-follower.ts",
    find: "    this.#reader?.ack(seq);",
    replace: "    this.#reader?.ack(this.head);",
  },
  {
    rule: "a node that begins with another epoch forgets the tables of the one before",
    seed: 4,
    file: "src/table/replica.ts",
    find: "    for (const [name, { own }] of this.#channels) if (own === undefined) this.#drop(name);\n",
    replace: "",
  },
  {
    rule: "subscribers of a channel that is declared anew begin anew",
    file: "src/server/engine.ts",
    find: "    if (watchers.length > 0) gateway.restart(watchers);",
    replace: "",
  },
  {
    rule: "a checkpoint has the tombstones of removed rows",
    seed: 4,
    file: "src/table/change-ordered-rows.ts",
    find: "      order,\n      tombstones,\n",
    replace: "      order,\n      tombstones: [],\n",
  },
  {
    rule: "a checkpoint has the floor of forgotten removals",
    seed: 41,
    file: "src/table/change-ordered-rows.ts",
    find: "    made.#floor = floor;",
    replace: "    made.#floor = Math.min(floor, 0);",
  },
  {
    rule: "a checkpoint keeps the order of change, which decides what is evicted",
    seed: 2,
    file: "src/table/change-ordered-rows.ts",
    find: "    for (const place of order) made.#order.push(nodes[place] as RowNode);",
    replace:
      "    for (const place of order.toSorted((a, b) => a - b)) made.#order.push(nodes[place] as RowNode);",
  },
  {
    rule: "a channel status takes effect at the end of its turn",
    seed: 62,
    file: "src/client/stream/engine-view.ts",
    find: "    this.#stagedChannel = status;",
    replace: "    this.#channel = status;\n    this.hasNews = true;",
  },
  {
    rule: "the status that a source reports for its channels is part of the tables' state",
    seed: 4,
    file: "src/table/replica.ts",
    find: "    if (commit.status !== undefined) this.#applyStatus(commit);",
    replace: '    if (commit.status?.[0]?.status.status === "live") this.#applyStatus(commit);',
  },
  {
    rule: "a derived table changes in the commit of its source",
    seed: 5,
    file: "src/table/replica.ts",
    find: "    this.derived.follow(commit, this.#durableSeq);\n",
    replace: "    if (commit.seq % 3 > 0) this.derived.follow(commit, this.#durableSeq);\n",
  },
  {
    rule: "rows that a source evicts are taken from a derived table over its window",
    seed: 5,
    file: "src/derived/group-stage.ts",
    find: "      if (evicted && this.#plan.keepsEvicted) this.#settle(before);",
    replace: "      if (evicted) this.#settle(before);",
  },
  {
    rule: "a checkpoint has what evicted rows still count for",
    seed: 25,
    file: "src/table/replica.ts",
    find: "      settled: this.derived.settled,\n",
    replace: "",
  },
];

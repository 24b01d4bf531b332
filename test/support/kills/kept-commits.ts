/**
 * What a server that was killed must still have. It knows each commit that was sent and each
 * acknowledgement, reads everything back after a restart, and says what is wrong.
 *
 * What a killed process leaves is the commits that were there before it, and the first ones of
 * those that it was sent: every acknowledged one, and none in part.
 */
import {
  BOOK_KEYS,
  LIVE_ROWS,
  RECENT_ROWS,
  type Level,
  type SentCommit,
  type Trade,
} from "./channels.ts";
import { readHistory, readLive, type HistoryRow } from "./read-back.ts";

interface KeptCommit extends SentCommit {
  readonly seq: number;
}

/** Throws, because a violated promise ends the run. */
function must(isTrue: boolean, violation: () => string): asserts isTrue {
  if (!isTrue) throw new Error(violation());
}

function same(found: unknown, expected: unknown, what: string): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(expected)];
  must(left === right, () => `${what}\n  found    ${left}\n  expected ${right}`);
}

export class KeptCommits {
  #kept: KeptCommit[] = [];
  /** Sent to the process that runs now, in order. */
  #sent: SentCommit[] = [];
  readonly #acknowledged = new Map<number, number>();
  rowsChecked = 0;

  /** Commits that were there when a server was asked last. */
  get count(): number {
    return this.#kept.length;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  send(commit: SentCommit): void {
    this.#sent.push(commit);
  }

  acknowledge(commit: number, seq: number): void {
    this.#acknowledged.set(commit, seq);
  }

  /** Reads everything from the server that has taken over. Throws when a promise was broken. */
  async verify(url: string): Promise<void> {
    const trades = await readHistory(url, "trades");
    this.#takeOver(trades);
    const bySeq = trades.toSorted((a, b) => a.seq - b.seq || compareIds(a, b));
    same(
      bySeq,
      this.#kept.flatMap(({ seq, trades: rows }) => rows.map((row) => ({ seq, row }))),
      "trades: each row of each commit once, as sent",
    );
    same(
      await readLive(url, "trades"),
      sortedTexts(bySeq.slice(-LIVE_ROWS.trades)),
      "trades: the live table has the newest rows",
    );
    const book = await this.#verifyBook(url);
    const totals = await this.#verifyTotals(url);
    await this.#verifyRecent(url);
    this.rowsChecked += trades.length + book + totals;
  }

  /** Finds the commits that survived, with their seqs. */
  #takeOver(trades: readonly HistoryRow[]): void {
    const seqs = new Map<number, number>();
    for (const { row, seq } of trades) {
      const commit = Number(row["commit"]);
      must(
        (seqs.get(commit) ?? seq) === seq,
        () => `commit ${commit} has rows of seqs ${seqs.get(commit)} and ${seq}`,
      );
      seqs.set(commit, seq);
    }
    for (const { commit, seq } of this.#kept)
      must(seqs.get(commit) === seq, () => `commit ${commit} of seq ${seq} is lost`);
    const survivors = this.#sent.filter(({ commit }) => seqs.has(commit));
    same(
      survivors.map(({ commit }) => commit),
      this.#sent.slice(0, survivors.length).map(({ commit }) => commit),
      "of the commits that were sent, the first ones are left",
    );
    for (const sent of survivors)
      this.#kept.push({ ...sent, seq: seqs.get(sent.commit) as number });
    const kept = new Map(this.#kept.map(({ commit, seq }) => [commit, seq]));
    for (const [commit, seq] of this.#acknowledged)
      must(
        kept.get(commit) === seq,
        () => `commit ${commit} was acknowledged as seq ${seq}; found: ${kept.get(commit)}`,
      );
    this.#kept.forEach(({ commit, seq }, index) => {
      const before = this.#kept[index - 1];
      must(
        before === undefined || before.seq < seq,
        () => `commit ${commit} has seq ${seq}, after commit ${before?.commit} of ${before?.seq}`,
      );
    });
    this.#sent = [];
  }

  /** The newest version of each key, now and as of a commit in the middle. */
  async #verifyBook(url: string): Promise<number> {
    const now = await readHistory(url, "book");
    same(sorted(now), sorted(bookOf(this.#kept)), "book: the newest version of each key");
    const newest = now.toSorted((a, b) => a.seq - b.seq || compareIds(a, b));
    must(newest.length <= BOOK_KEYS, () => `the book has ${newest.length} keys`);
    same(
      await readLive(url, "book"),
      sortedTexts(newest.slice(-LIVE_ROWS.book)),
      "book: the live table has the rows that changed last",
    );
    const middle = Math.floor(this.#kept.length / 2);
    const { seq } = this.#kept[middle] ?? { seq: 0 };
    if (seq === 0) return now.length;
    const then = await readHistory(url, "book", seq);
    same(sorted(then), sorted(bookOf(this.#kept.slice(0, middle + 1))), `book: as of seq ${seq}`);
    return now.length + then.length;
  }

  /** The derived table is what its trades give anew: live, in history, and as of a commit. */
  async #verifyTotals(url: string): Promise<number> {
    const expected = totalsOf(this.#kept);
    same(await readLive(url, "totals"), expected, "totals: of all trades that are left");
    const now = await readHistory(url, "totals");
    same(sortedTexts(now), expected, "totals: their history ends with the live table");
    const middle = Math.floor(this.#kept.length / 2);
    const { seq } = this.#kept[middle] ?? { seq: 0 };
    if (seq === 0) return now.length;
    const then = await readHistory(url, "totals", seq);
    same(sortedTexts(then), totalsOf(this.#kept.slice(0, middle + 1)), `totals: as of seq ${seq}`);
    return now.length + then.length;
  }

  /** Retention forgets whole commits, so it may leave less than its bound by a part of one. */
  async #verifyRecent(url: string): Promise<void> {
    const found = await readHistory(url, "recent");
    const all: readonly HistoryRow[] = this.#kept.flatMap(({ seq, recent }) =>
      recent.map((row) => ({ seq, row: { ...row } })),
    );
    const left = found.toSorted((a, b) => a.seq - b.seq || compareIds(a, b));
    const atOnce = Math.max(0, ...this.#kept.map(({ recent }) => recent.length));
    must(
      left.length > Math.min(RECENT_ROWS - atOnce, all.length - 1),
      () => `recent: ${left.length} rows of ${all.length} are left`,
    );
    same(left, left.length === 0 ? [] : all.slice(-left.length), "recent: the newest rows");
    same(
      await readLive(url, "recent"),
      sortedTexts(all.slice(-LIVE_ROWS.recent)),
      "recent: the live table has the newest rows",
    );
  }
}

/** The book after these commits. */
function bookOf(commits: readonly KeptCommit[]): readonly HistoryRow[] {
  const book = new Map<string, { readonly seq: number; readonly row: Level }>();
  for (const { seq, levels, removedPrices } of commits) {
    for (const row of levels) book.set(row.price, { seq, row });
    for (const price of removedPrices) book.delete(price);
  }
  return [...book.values()].map(({ seq, row }) => ({ seq, row: { ...row } }));
}

function keyIn({ row }: HistoryRow): string {
  return String(row["id"] ?? row["price"]);
}

/** The derived table after these commits, as sorted texts. */
function totalsOf(commits: readonly KeptCommit[]): readonly string[] {
  const groups = new Map<string, Trade[]>();
  for (const trade of commits.flatMap(({ trades }) => trades)) {
    const group = groups.get(trade.symbol);
    if (group === undefined) groups.set(trade.symbol, [trade]);
    else group.push(trade);
  }
  const texts = Array.from(groups, ([symbol, trades]) => {
    const sizes = trades.map(({ size }) => size).sort((a, b) => Number(a) - Number(b));
    const hundredths = sizes.reduce((sum, size) => sum + Math.round(Number(size) * 100), 0);
    return JSON.stringify({
      symbol,
      trades: trades.length,
      total: String(hundredths / 100),
      low: sizes[0],
      high: sizes.at(-1),
      first: trades[0]?.id,
      last: trades.at(-1)?.commit,
    });
  });
  return texts.sort();
}

/** Within a commit, rows are sent in the order of their keys. */
function compareIds(a: HistoryRow, b: HistoryRow): number {
  return keyIn(a) < keyIn(b) ? -1 : keyIn(a) > keyIn(b) ? 1 : 0;
}

function sorted(rows: readonly HistoryRow[]): readonly HistoryRow[] {
  return rows.toSorted(compareIds);
}

function sortedTexts(rows: readonly HistoryRow[]): readonly string[] {
  return rows.map(({ row }) => JSON.stringify(row)).sort();
}

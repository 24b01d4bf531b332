/**
 * Reads one list while rows arrive: as a live query that goes on into history, and page by page, of
 * now and of then. What it sees is compared with the in-memory evaluation afterwards, so that the
 * comparison slows no reader.
 */
import { createClient } from "../../../src/client/node.ts";
import { TidemarkError } from "../../../src/std/errors.ts";
import { fromWireQuery } from "../../../src/protocol/user-query.ts";
import type { Row } from "../../../src/protocol/row.ts";
import type { Random } from "../../../src/std/random.ts";
import type { WireQuery, WireWhere } from "../../../src/protocol/query.ts";
import type { List } from "./lists.ts";
import type { Producer } from "./producer.ts";

type Client = ReturnType<typeof createClient>;
type View = ReturnType<Client["live"]>;
type ClientQuery = Parameters<Client["history"]>[0];

/** A client, and the rows that its caller may see; undefined for all. */
export interface Reader {
  readonly client: Client;
  readonly policy: WireWhere | undefined;
}

/** Of the commits that a live list shows, one in so many is compared. */
const SAMPLE = 6;
/** More than there are keys. */
const LIST_ROWS_MAX = 1_000;

/** What a reader saw: the first rows of the result as of a seq, or all of it. */
interface Sight {
  readonly what: string;
  readonly asOf: number;
  readonly beforeSeq?: number | undefined;
  readonly rows: readonly Row[];
  readonly seqs?: readonly number[];
  readonly isWhole: boolean;
}

export interface ReadResult {
  readonly pages: number;
  readonly sights: number;
  readonly rowsCompared: number;
}

export class ListReader {
  readonly #client: Client;
  readonly #producer: Producer;
  readonly #random: Random;
  readonly #list: List;
  /** What the caller asks for, within its rights. */
  readonly #allowed: WireQuery;
  readonly #sights: Sight[] = [];
  #pages = 0;

  constructor(reader: Reader, producer: Producer, random: Random, list: List) {
    const { client, policy } = reader;
    const { query } = list;
    this.#client = client;
    this.#allowed =
      policy === undefined ? query : { ...query, where: { and: [policy, query.where ?? policy] } };
    this.#producer = producer;
    this.#random = random;
    this.#list = list;
  }

  get #query(): ClientQuery {
    return fromWireQuery(this.#list.query) as ClientQuery;
  }

  /** Whether the in-memory evaluation takes the query; if it does not, no reader gets rows. */
  get #refusal(): string | undefined {
    try {
      this.#producer.rowsOf(this.#allowed, 0);
      return undefined;
    } catch (error) {
      return error instanceof TidemarkError ? error.code : String(error);
    }
  }

  async read(): Promise<void> {
    const refusal = this.#refusal;
    if (refusal !== undefined) return this.#expectRefusal(refusal);
    // Under a policy a list may be refused further pages while rows change at full speed.
    if (this.#allowed === this.#list.query) await this.#scroll();
    await this.#readPages("pages as of now", {});
    const asOf = Math.floor(this.#random.next() * this.#producer.seq);
    await this.#readPages(`pages as of ${asOf}`, { asOf });
    const beforeSeq = Math.floor(this.#random.next() * this.#producer.seq);
    await this.#readPages(`pages before ${beforeSeq}`, { beforeSeq });
  }

  /** Compares what was seen. Throws at the first difference. */
  compare(): ReadResult {
    let rowsCompared = 0;
    for (const sight of this.#sights) {
      const all = this.#producer.rowsOf(this.#allowed, sight.asOf, sight.beforeSeq);
      const expected = sight.isWhole ? all : all.slice(0, sight.rows.length);
      const seqs = sight.seqs ?? expected.map(({ seq }) => seq);
      const found = sight.rows.map((row, at) => `${seqs[at]} ${JSON.stringify(row)}`);
      const wanted = expected.map(({ seq, text }) => `${seq} ${text}`);
      const at = wanted.findIndex((text, index) => found[index] !== text);
      if (at >= 0 || found.length !== wanted.length)
        throw new Error(
          `${sight.what} as of ${sight.asOf}: row ${at < 0 ? wanted.length : at} of ${wanted.length} is ${found[at < 0 ? wanted.length : at]}, not ${wanted[at]}, for ${JSON.stringify(this.#allowed)}`,
        );
      rowsCompared += found.length;
    }
    return { pages: this.#pages, sights: this.#sights.length, rowsCompared };
  }

  async #expectRefusal(code: string): Promise<void> {
    const query = this.#query;
    const refused = await this.#client.history(query).then(
      () => "nothing",
      (error: unknown) => (error instanceof TidemarkError ? error.code : String(error)),
    );
    if (refused !== code)
      throw new Error(`refused with ${refused}, not ${code}: ${JSON.stringify(this.#list.query)}`);
  }

  /** From the live rows back to the oldest one, with a pause in the middle of some lists. */
  async #scroll(): Promise<void> {
    const view = this.#client.live({ ...this.#query, history: true });
    const changes = new Changes(view);
    let seen = 0;
    changes.onChange = () => {
      if (seen++ % SAMPLE === 0) this.#look(view, "a live list");
    };
    const pauseAt = Math.floor(this.#random.next() * 6);
    try {
      await changes.until(() => settled(view));
      for (let page = 1; view.getSnapshot().history?.hasMore === true; page++) {
        if (page === pauseAt) view.getSnapshot().history?.pause();
        if (page === pauseAt + 2 && view.getSnapshot().history?.pausedAt !== undefined) {
          view.getSnapshot().history?.resume();
          await changes.until(() => settled(view));
        }
        view.getSnapshot().history?.loadMore();
        await changes.until(() => settled(view));
        this.#pages++;
        this.#look(view, "a live list with a further page");
      }
      this.#look(view, "a whole live list");
    } finally {
      changes.stop();
    }
  }

  #look(view: View, what: string): void {
    const { history, reason, rows, seq, status } = view.getSnapshot();
    const { pausedAt, hasMore } = history ?? {};
    const isExact = status === "live" || status === "catching_up" || reason === "paused";
    if (!isExact || hasMore === undefined) return;
    const isWhole = !hasMore && history?.isLoading === false;
    const copy = [...rows] as readonly Row[];
    this.#sights.push({ what, asOf: pausedAt ?? seq, rows: copy, isWhole });
  }

  async #readPages(
    what: string,
    options: { readonly asOf?: number; readonly beforeSeq?: number },
  ): Promise<void> {
    const query = this.#query;
    const rows: Row[] = [];
    const seqs: number[] = [];
    let asOf: number | undefined;
    let after: string | undefined;
    do {
      const page = await this.#client.history(query, { ...options, ...(after && { after }) });
      this.#pages++;
      if (rows.length > LIST_ROWS_MAX) throw new Error(`${what}: the list does not end`);
      rows.push(...(page.rows as readonly Row[]));
      seqs.push(...page.seqs);
      asOf ??= page.completeThrough;
      if (page.completeThrough !== asOf)
        throw new Error(`${what}: a page is as of ${page.completeThrough}, the first of ${asOf}`);
      after = page.next;
    } while (after !== undefined);
    const { beforeSeq } = options;
    this.#sights.push({ what, asOf, beforeSeq, rows, seqs, isWhole: true });
  }
}

/** The view has what was asked for. */
function settled(view: View): boolean {
  const { error, history, status } = view.getSnapshot();
  if (error !== undefined) throw new Error(`${error.code}: ${error.message}`);
  if (history?.error !== undefined) throw new Error(`a page: ${history.error.message}`);
  const isShown = status === "live" || status === "catching_up";
  return history?.isLoading === false && (isShown || history.pausedAt !== undefined);
}

/** The changes of a view, for who waits for one. */
class Changes {
  onChange: () => void = () => {};
  readonly stop: () => void;
  #changed: () => void = () => {};

  constructor(view: View) {
    this.stop = view.subscribe(() => {
      this.onChange();
      this.#changed();
    });
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo())
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
  }
}

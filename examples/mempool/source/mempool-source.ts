/**
 * The source of the dashboard: sources of chains, each with the channels of `ethereum()`, as one
 * source with the dashboard's channels. Each commit of a chain is one commit here. A chain that
 * fails does not stop the others.
 */
import type { ChannelChange, Source, SourceContext, SourceDraft, SourceStatus } from "tidemark";
import type { EthereumChain, EthereumTransaction, RawTransaction } from "tidemark/ethereum";
import {
  FEED_CHANNEL_NAMES,
  FEED_CHANNELS,
  OPPORTUNITIES_MAX,
  TRANSACTIONS_MAX,
} from "../channels.ts";
import { statusRow, summaryOf } from "./chain-rows.ts";
import { ChainState } from "./chain-state.ts";
import { CollectedRows } from "./collected-rows.ts";
import { featuresOf } from "./features.ts";
import { Opportunities } from "./opportunities.ts";
import { OpportunityBook } from "./opportunity-book.ts";
import { TransactionRing } from "./transaction-ring.ts";

/** A source of one chain: its name is the chain's, its channels are `transactions` and `chains`. */
interface ChainSource extends Source {
  /** A transaction with its input, where it can be had. */
  transaction(hash: string): Promise<RawTransaction | undefined>;
}

export interface ChainInput {
  readonly source: ChainSource;
  /** What its coin is called. */
  readonly coin: string;
}

export interface MempoolOptions {
  readonly inputs: readonly ChainInput[];
  /** Called for each transaction that enters `tx.main`. */
  readonly onArrival?: (hash: string, chain: string) => void;
  /** Called with what the log has taken. */
  readonly onCommit?: (changes: readonly ChannelChange[]) => void;
}

const TICK_MS = 1_000;

export class MempoolSource implements Source {
  readonly name = "mempool";
  readonly #inputs: readonly ChainInput[];
  readonly #onArrival: (hash: string, chain: string) => void;
  readonly #onCommit: (changes: readonly ChannelChange[]) => void;
  readonly #chains = new Map<string, ChainState>();
  readonly #ring = new TransactionRing(TRANSACTIONS_MAX);
  readonly #opportunities = new Opportunities();
  readonly #book = new OpportunityBook(OPPORTUNITIES_MAX);
  /** A draft that a chain appends again is translated once. */
  readonly #translated = new WeakMap<SourceDraft, SourceDraft>();
  #isStopped = false;
  #cancelTick: () => void = () => {};

  constructor({ inputs, onArrival = () => {}, onCommit = () => {} }: MempoolOptions) {
    this.#inputs = inputs;
    this.#onArrival = onArrival;
    this.#onCommit = onCommit;
  }

  get stats(): object {
    return Object.fromEntries(this.#inputs.map(({ source }) => [source.name, source.stats ?? {}]));
  }

  async start(context: SourceContext): Promise<void> {
    const positions = JSON.parse(context.sourcePosition ?? "{}") as Record<string, string>;
    for (const { source, coin } of this.#inputs)
      this.#chains.set(source.name, new ChainState(coin, positions[source.name]));
    // Nobody knows what has become of the transactions of an earlier process.
    const changes = FEED_CHANNEL_NAMES.map((channel) => ({
      channel,
      upserts: [],
      removes: [],
      ...(channel !== "feature.main" && { reload: true as const }),
    }));
    await this.#append(context, { declares: FEED_CHANNELS, changes, status: this.#status() });
    if (this.#isStopped) return;
    await Promise.all(
      this.#inputs.map(({ source }) => source.start(this.#contextOf(source, context))),
    );
    this.#tick(context);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTick();
    await Promise.all(this.#inputs.map(({ source }) => source.stop()));
  }

  #contextOf({ name }: Source, context: SourceContext): SourceContext {
    const chain = this.#chainOf(name);
    return {
      ...context,
      get sourcePosition() {
        return chain.position;
      },
      append: async (draft) => {
        const translated = this.#translated.get(draft) ?? this.#translate(name, draft, context);
        this.#translated.set(draft, translated);
        return this.#append(context, translated);
      },
    };
  }

  async #append(context: SourceContext, draft: SourceDraft): Promise<number> {
    const seq = await context.append(draft);
    this.#onCommit(draft.changes);
    return seq;
  }

  #translate(name: string, draft: SourceDraft, { clock }: SourceContext): SourceDraft {
    const { changes, status, sourcePosition, asOfMs } = draft;
    const chain = this.#chainOf(name);
    const rows = new CollectedRows();
    chain.position = sourcePosition ?? chain.position;
    chain.asOfMs = asOfMs ?? chain.asOfMs;
    chain.status = status?.at(-1)?.status ?? chain.status;
    const told = changes.find(({ channel }) => channel === "chains")?.upserts.at(-1);
    // First, since it says what the transactions' values are worth.
    if (told !== undefined) chain.onRow(told.row as unknown as EthereumChain);
    for (const change of changes)
      if (change.channel === "transactions") this.#onTransactions(name, change, rows);
    const market = told && chain.market(clock.now());
    if (market !== undefined) rows.set("market.main", name, market);
    if (chain.row !== undefined && (told !== undefined || status !== undefined))
      rows.set("chain.main", name, statusRow(chain.row, chain.status, chain.asOfMs));
    this.#removeOpportunities(this.#book.expire(clock.now()), rows);
    return this.#draftOf(rows);
  }

  #onTransactions(name: string, change: ChannelChange, rows: CollectedRows): void {
    const chain = this.#chainOf(name);
    if (change.reload) {
      const stay = new Set(change.upserts.map(({ key }) => key));
      for (const hash of this.#ring.ofChain(name)) if (!stay.has(hash)) this.#onGone(hash, rows);
      chain.onReload();
    }
    for (const hash of change.removes) {
      chain.onGone(hash);
      this.#onGone(hash, rows);
    }
    const { context } = chain;
    for (const { row } of change.upserts) {
      const transaction = row as unknown as EthereumTransaction;
      const { hash, status, seen_unix_ms } = transaction;
      chain.onTransaction(transaction);
      if (status !== "pending") this.#removeOpportunities(this.#book.close(hash), rows);
      const isKnown = this.#ring.has(hash);
      if (!isKnown && !this.#ring.enter(hash, name, seen_unix_ms)) continue;
      rows.set("tx.main", hash, summaryOf(transaction));
      if (isKnown) continue;
      this.#onArrival(hash, name);
      for (const feature of featuresOf(transaction, context.valuation))
        rows.set("feature.main", feature.id, feature);
      if (status !== "pending") continue;
      const found = this.#opportunities.of(transaction, context);
      for (const each of found) rows.set("opportunity.main", each.id, each);
      this.#removeOpportunities(this.#book.add(found), rows);
    }
  }

  #onGone(hash: string, rows: CollectedRows): void {
    if (this.#ring.delete(hash)) rows.remove("tx.main", hash);
    this.#removeOpportunities(this.#book.close(hash), rows);
  }

  #removeOpportunities(ids: readonly string[], rows: CollectedRows): void {
    for (const id of ids) rows.remove("opportunity.main", id);
  }

  /** The watermark of all is that of the chain that is furthest behind. */
  #draftOf(rows: CollectedRows): SourceDraft {
    const chains = [...this.#chains.values()];
    const positions = [...this.#chains].flatMap(([name, { position }]) =>
      position === undefined ? [] : [[name, position]],
    );
    const asOfMs = Math.min(...chains.map((chain) => chain.asOfMs ?? Number.NEGATIVE_INFINITY));
    return {
      changes: rows.changes,
      status: this.#status(),
      sourcePosition: JSON.stringify(Object.fromEntries(positions)),
      ...(Number.isFinite(asOfMs) && { asOfMs }),
    };
  }

  /** With some chains down, the tables lack a part; with all down, they follow nothing. */
  #status(): readonly { readonly status: SourceStatus }[] {
    const troubles = [...this.#chains].flatMap(([name, { status }]) =>
      status.status === "live" ? [] : [`${name}: ${status.reason ?? status.status}`],
    );
    if (troubles.length === 0) return [{ status: { status: "live" } }];
    const reason = troubles.join("; ");
    const areAllStale = [...this.#chains.values()].every(({ status }) => status.status === "stale");
    return [{ status: { status: areAllStale ? "stale" : "catching_up", reason } }];
  }

  /** Opportunities expire also while nothing comes. */
  #tick(context: SourceContext): void {
    if (this.#isStopped) return;
    this.#cancelTick = context.clock.after(TICK_MS, () => {
      const rows = new CollectedRows();
      this.#removeOpportunities(this.#book.expire(context.clock.now()), rows);
      if (rows.changes.length > 0)
        this.#append(context, { changes: rows.changes }).catch((error: unknown) => {
          if (!this.#isStopped) context.logger.warn({ err: error }, "opportunities stay too long");
        });
      this.#tick(context);
    });
  }

  #chainOf(name: string): ChainState {
    const chain = this.#chains.get(name);
    if (chain === undefined) throw new Error(`There is no chain ${name}.`);
    return chain;
  }
}

/** Makes the commits of the source: changed rows, its chain, status and as-of time. */
import type { ChannelChange, KeyedRow, SourceStatus } from "../../log/log.ts";
import type { SourceDraft } from "../source.ts";
import type { ChainFollower } from "./chain-follower.ts";
import type { ChainTracker } from "./chain-tracker.ts";
import type { CheckedOptions } from "./options.ts";
import type { EthereumChain } from "./rows.ts";

export interface DraftsOptions {
  readonly options: CheckedOptions;
  readonly tracker: ChainTracker;
}

export interface DraftState {
  /** Of the present connection. */
  readonly follower: ChainFollower | undefined;
  readonly status: SourceStatus;
  /** Announced transactions that could not be read. */
  readonly missed: number;
}

export class Drafts {
  readonly #options: DraftsOptions;
  #status = "";
  #chainRow = "";
  #chainRowHead = -1;
  #asOfMs = 0;

  constructor(options: DraftsOptions) {
    this.#options = options;
  }

  /** What has changed since the last call; undefined where nothing has. */
  take({ follower, status, missed }: DraftState): SourceDraft | undefined {
    const { tracker, options } = this.#options;
    const taken = tracker.take();
    const changes: ChannelChange[] = [];
    if (taken !== undefined)
      changes.push({
        channel: options.transactions.name,
        upserts: taken.upserts.map((row): KeyedRow => ({ key: row.hash, row: { ...row } })),
        removes: taken.isReload ? [] : taken.removes,
        ...(taken.isReload && { reload: true as const }),
      });
    const asOfMs = status.status === "live" ? this.#takeAsOf(follower?.throughMs) : undefined;
    const chainRow = this.#takeChainRow(follower, missed, asOfMs !== undefined);
    if (chainRow !== undefined)
      changes.push({ channel: options.chains.name, upserts: [chainRow], removes: [] });
    const isStatusNew = JSON.stringify(status) !== this.#status;
    this.#status = JSON.stringify(status);
    if (changes.length === 0 && !isStatusNew && asOfMs === undefined) return undefined;
    const { head } = tracker;
    return {
      changes,
      ...(isStatusNew && { status: [{ status }] }),
      ...(head && { sourcePosition: JSON.stringify({ number: head.number, hash: head.hash }) }),
      ...(asOfMs !== undefined && { asOfMs }),
    };
  }

  /** Counts change all the time; they are told with a new head, and with each as-of time. */
  #takeChainRow(
    follower: ChainFollower | undefined,
    missed: number,
    isDue: boolean,
  ): KeyedRow | undefined {
    const { tracker, options } = this.#options;
    const { head, reorgs } = tracker;
    if (head === undefined || follower?.chainId === undefined) return undefined;
    if (!isDue && head.number === this.#chainRowHead) return undefined;
    this.#chainRowHead = head.number;
    const row = {
      chain: options.chain,
      chain_id: follower.chainId,
      head: head.number,
      head_hash: head.hash,
      head_unix_ms: head.timeMs,
      block_interval_ms: tracker.blockIntervalMs,
      gas_used: head.gasUsed,
      gas_limit: head.gasLimit,
      base_fee: follower.baseFee === undefined ? null : String(follower.baseFee),
      pending: tracker.pendingCount,
      missed,
      reorgs: reorgs.count,
      reorg_depth: reorgs.depth,
      price: follower.price?.price ?? null,
      price_source: follower.price?.source ?? null,
    } satisfies EthereumChain;
    const text = JSON.stringify(row);
    if (text === this.#chainRow) return undefined;
    this.#chainRow = text;
    return { key: options.chain, row };
  }

  #takeAsOf(throughMs: number | undefined): number | undefined {
    if (throughMs === undefined || throughMs <= this.#asOfMs) return undefined;
    this.#asOfMs = throughMs;
    return throughMs;
  }
}

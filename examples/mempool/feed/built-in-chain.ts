/**
 * One simulated chain as a source, with the rows that `ethereum()` has. It follows the clock in
 * steps; each is one commit. Its source position says where it goes on after a restart.
 */
import type { Source, SourceContext } from "tidemark";
import type { EthereumChain, RawTransaction } from "tidemark/ethereum";
import type { ChainProfile } from "./chain-profile.ts";
import { SimulatedChain, type ChainPosition, type SimulatedEvent } from "./simulated-chain.ts";
import { findTransaction } from "./transactions.ts";

export interface BuiltInChainOptions {
  /** The same seed gives the same rows, but for their times. */
  readonly seed: number;
  /** Transactions per second of this chain. */
  readonly perSecond: number;
}

const STEP_MS = 50;
/** After a pause of the process at most so many steps follow at once. */
const STEPS_MAX = 20;
/** What the tables begin with: so long, and not many more transactions than they hold. */
const PAST_MS = 20_000;
const PAST_TRANSACTIONS = 2_000;
const TELL_MS = 1_000;

export class BuiltInChain implements Source {
  readonly name: string;
  readonly #profile: ChainProfile;
  readonly #options: BuiltInChainOptions;
  #stopped: Promise<void> = Promise.resolve();
  #isStopped = false;
  #toldMs = 0;
  #wake = (): void => {};

  constructor(profile: ChainProfile, options: BuiltInChainOptions) {
    this.name = profile.name;
    this.#profile = profile;
    this.#options = options;
  }

  async start(context: SourceContext): Promise<void> {
    const { seed, perSecond } = this.#options;
    const position = positionIn(context.sourcePosition);
    const chain = new SimulatedChain(this.#profile, { seed, perSecond, position });
    const nowMs = context.clock.now();
    const past: SimulatedEvent[] = [];
    const pastMs = Math.min(PAST_MS, (PAST_TRANSACTIONS / perSecond) * 1_000);
    for (let timeMs = nowMs - pastMs; timeMs < nowMs; timeMs += STEP_MS)
      past.push(...this.#step(chain, timeMs));
    await this.#append(context, chain, past, nowMs);
    if (!this.#isStopped) this.#stopped = this.#run(context, chain);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#wake();
    await this.#stopped;
  }

  /** Makes a transaction again. */
  transaction(hash: string): Promise<RawTransaction | undefined> {
    return Promise.resolve(findTransaction(this.#profile, this.#options.seed, hash));
  }

  async #run(context: SourceContext, chain: SimulatedChain): Promise<void> {
    const { clock, logger } = context;
    let doneMs = clock.monotonic();
    while (!this.#isStopped) {
      await new Promise<void>((resolve) => {
        const cancel = clock.after(STEP_MS, resolve);
        this.#wake = () => {
          cancel();
          resolve();
        };
      });
      const due = Math.floor((clock.monotonic() - doneMs) / STEP_MS);
      doneMs += due * STEP_MS;
      for (let step = Math.min(due, STEPS_MAX); step > 0 && !this.#isStopped; step--) {
        const timeMs = clock.now() - (step - 1) * STEP_MS;
        try {
          await this.#append(context, chain, this.#step(chain, timeMs), timeMs);
        } catch (error) {
          if (!this.#isStopped) logger.error({ err: error }, "the feed ended");
          return;
        }
      }
    }
  }

  #step(chain: SimulatedChain, timeMs: number): readonly SimulatedEvent[] {
    return chain.step(timeMs, STEP_MS, (this.#options.perSecond * STEP_MS) / 1_000);
  }

  async #append(
    context: SourceContext,
    chain: SimulatedChain,
    events: readonly SimulatedEvent[],
    timeMs: number,
  ): Promise<void> {
    if (this.#isStopped) return;
    const isTold = timeMs - this.#toldMs >= TELL_MS || events.some(({ row }) => row.block !== null);
    if (events.length === 0 && !isTold) return;
    if (isTold) this.#toldMs = timeMs;
    // Of several events of one transaction the last one is its state.
    const rows = new Map(events.map(({ row }) => [row.hash, row]));
    const transactions = Array.from(rows.values(), (row) => ({ key: row.hash, row: { ...row } }));
    const status = { ...chainRow(chain) };
    await context.append({
      changes: [
        { channel: "transactions", upserts: transactions, removes: [] },
        ...(isTold
          ? [{ channel: "chains", upserts: [{ key: status.chain, row: status }], removes: [] }]
          : []),
      ],
      status: [{ status: { status: "live" } }],
      sourcePosition: JSON.stringify(chain.position),
      asOfMs: timeMs,
    });
  }
}

function chainRow({ profile, head, pendingCount }: SimulatedChain): EthereumChain {
  return {
    chain: profile.name,
    chain_id: profile.id,
    head: head.number,
    head_hash: head.hash,
    head_unix_ms: head.timeMs,
    block_interval_ms: profile.blockMs,
    gas_used: head.gasUsed,
    gas_limit: head.gasLimit,
    base_fee: String(head.baseFee),
    pending: pendingCount,
    missed: 0,
    reorgs: head.reorgs,
    reorg_depth: head.reorgDepth,
    price: String(head.price),
    price_source: "built-in feed",
  };
}

function positionIn(text: string | undefined): ChainPosition | undefined {
  return text === undefined ? undefined : (JSON.parse(text) as ChainPosition);
}

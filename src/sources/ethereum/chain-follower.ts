/**
 * Keeps a tracker at the head of its chain over one connection: the first copy, new blocks with
 * those that were missed, what waits, what has been dropped, and the coin's price.
 */
import type { Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import type { ChainTracker } from "./chain-tracker.ts";
import { blockOf, headerOf, transactionsOf, type Block, type Header } from "./messages.ts";
import type { NodeConnection } from "./node-connection.ts";
import type { CheckedOptions } from "./options.ts";
import { PendingReader } from "./pending-reader.ts";
import { feedOf, readPrice, type Price } from "./price-feed.ts";

export interface ChainFollowerOptions {
  readonly node: NodeConnection;
  readonly tracker: ChainTracker;
  readonly options: CheckedOptions;
  readonly clock: Clock;
  /** The tracker, or what is known here, has changed. */
  readonly onChange: () => void;
  readonly onMissed: () => void;
}

export class ChainFollower {
  readonly #options: ChainFollowerOptions;
  readonly #pending: PendingReader;
  #chainId: number | undefined;
  #throughMs: number | undefined;
  #baseFee: bigint | undefined;
  #price: Price | undefined;
  #priceMs = Number.NEGATIVE_INFINITY;
  #trouble: string | undefined = "reading the last blocks";
  #pendingTrouble: string | undefined;
  #headAtMs: number;
  #isWanted = false;
  #running: Promise<void> | undefined;
  #isChecking = false;

  constructor(options: ChainFollowerOptions) {
    const { node, tracker, clock, onChange, onMissed } = options;
    this.#options = options;
    this.#headAtMs = clock.monotonic();
    this.#pending = new PendingReader({
      node,
      hashesMax: options.options.limits.hashesMax,
      fetchesMax: options.options.limits.fetchesMax,
      now: () => clock.now(),
      isKnown: (hash) => tracker.knowsTransaction(hash),
      onTransaction: (raw, seenMs) => {
        // Before the first copy it would be lost; the copy has what waits.
        if (tracker.head !== undefined) tracker.onPending(raw, seenMs);
        onChange();
      },
      onMissed,
    });
  }

  get chainId(): number | undefined {
    return this.#chainId;
  }

  /** Of the next block. */
  get baseFee(): bigint | undefined {
    return this.#baseFee;
  }

  get price(): Price | undefined {
    return this.#price;
  }

  /** Everything that the node knew then is in the tracker. */
  get throughMs(): number | undefined {
    return this.#throughMs;
  }

  /** Why the tracker does not follow the chain; undefined while it does. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Why transactions show only when they are in a block; undefined where they do before. */
  get pendingTrouble(): string | undefined {
    return this.#pendingTrouble;
  }

  /** When the head changed, or the connection began, by the monotonic clock. */
  get headAtMs(): number {
    return this.#headAtMs;
  }

  /** @throws Error when the node can't be followed */
  async begin(): Promise<void> {
    const { node } = this.#options;
    this.#chainId = Number(await node.request("eth_chainId"));
    await node.subscribe(["newHeads"], () => void this.follow());
    await this.#subscribePending();
    await this.follow();
  }

  /** Reads the chain's head, and what leads to it. Never rejects; `trouble` has what failed. */
  follow(): Promise<void> {
    this.#isWanted = true;
    this.#running ??= this.#followWhileWanted().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  /** Looks up transactions that have waited for long. */
  async checkPending(): Promise<void> {
    const { node, tracker, clock, options, onChange } = this.#options;
    const { dropCheckMs, dropChecksMax } = options.limits;
    if (this.#isChecking) return;
    this.#isChecking = true;
    const nowMs = clock.now();
    const check = async (hash: string): Promise<void> => {
      try {
        const found = await node.request("eth_getTransactionByHash", hash);
        tracker.onChecked(hash, found !== null, nowMs);
      } catch {
        // It stays as it is until the next look-up.
      }
    };
    await Promise.all(tracker.unchecked(nowMs - dropCheckMs, dropChecksMax).map(check));
    this.#isChecking = false;
    onChange();
  }

  async #subscribePending(): Promise<void> {
    const { node } = this.#options;
    const subscribe = (...params: readonly unknown[]): Promise<void> =>
      node.subscribe(["newPendingTransactions", ...params], (data) =>
        this.#pending.onAnnounced(data),
      );
    try {
      // Not every node sends whole transactions, or knows of the parameter.
      await subscribe(true).catch(() => subscribe());
      this.#pendingTrouble = undefined;
    } catch (error) {
      this.#pendingTrouble = `no pending transactions: ${messageOf(error)}`;
    }
  }

  async #followWhileWanted(): Promise<void> {
    while (this.#isWanted) {
      this.#isWanted = false;
      try {
        await this.#followOnce();
        this.#trouble = undefined;
      } catch (error) {
        this.#trouble = messageOf(error);
      }
      this.#options.onChange();
    }
  }

  async #followOnce(): Promise<void> {
    const { node, tracker, clock } = this.#options;
    const startedMs = clock.now();
    const latest = headerOf(await node.request("eth_getBlockByNumber", "latest", false));
    const head = tracker.head;
    // A node behind the others has nothing new.
    if (head !== undefined && head.hash !== latest.hash && tracker.knowsBlock(latest.hash)) return;
    if (head?.hash !== latest.hash) {
      const blocks = await this.#blocksTo(latest);
      const first = blocks?.[0];
      // Nodes behind one address may not have the block yet.
      if (blocks === undefined || first === undefined) return;
      if (tracker.knowsBlock(first.parentHash)) tracker.onBlocks(blocks, clock.now());
      else await this.#beginWith(blocks);
      this.#headAtMs = clock.monotonic();
      this.#baseFee = await this.#nextBaseFee(latest);
    }
    await this.#followPrice();
    const oldestMs = this.#pending.oldestMs;
    this.#throughMs = Math.min(startedMs, oldestMs ?? startedMs);
  }

  /** The blocks up to this one that the tracker lacks; where none joins on, the newest ones. */
  async #blocksTo(latest: Header): Promise<readonly Block[] | undefined> {
    const { node, tracker, options } = this.#options;
    const { pastBlocks, limits } = options;
    const lowest = tracker.lowest;
    const blocks: Block[] = [];
    for (let hash = latest.hash; ;) {
      const answer = await node.request("eth_getBlockByHash", hash, true);
      if (answer === null) return undefined;
      const block = blockOf(answer);
      blocks.unshift(block);
      hash = block.parentHash;
      if (tracker.knowsBlock(hash)) return blocks;
      const canJoin = lowest !== undefined && block.number > lowest;
      const isEnough = blocks.length >= (canJoin ? limits.blocksMax : pastBlocks);
      if (block.number === 0 || isEnough) return blocks.slice(-pastBlocks);
    }
  }

  async #beginWith(blocks: readonly Block[]): Promise<void> {
    const { node, tracker, clock } = this.#options;
    let waiting: ReturnType<typeof transactionsOf> = [];
    try {
      waiting = transactionsOf(await node.request("eth_getBlockByNumber", "pending", true));
    } catch {
      // Not every node shows what waits; what comes from now on is announced.
    }
    if (node.isEnded) throw new Error("the connection has ended");
    tracker.begin(blocks);
    for (const raw of waiting) tracker.onPending(raw, clock.now());
  }

  /** The node computes it, since each chain has rules of its own. */
  async #nextBaseFee({ baseFee }: Header): Promise<bigint | undefined> {
    if (baseFee === null) return undefined;
    try {
      const history = await this.#options.node.request("eth_feeHistory", "0x1", "latest", []);
      const { baseFeePerGas } = history as { readonly baseFeePerGas?: readonly unknown[] };
      return BigInt(String(baseFeePerGas?.at(-1)));
    } catch {
      return baseFee;
    }
  }

  async #followPrice(): Promise<void> {
    const { node, clock, options } = this.#options;
    const feed = feedOf(this.#chainId ?? 0, options.priceFeed);
    const nowMs = clock.monotonic();
    if (feed === null || feed === undefined || nowMs - this.#priceMs < options.limits.priceMs)
      return;
    this.#priceMs = nowMs;
    try {
      this.#price = await readPrice(node, feed);
    } catch {
      this.#price = undefined;
    }
  }
}

/**
 * A chain of Ethereum as a source: one connection to a node after another, a tracker of the chain,
 * and one sequence of commits. A block is one commit. Lost connections and nodes that fail show as
 * statuses with reasons, and heal without a restart.
 */
import type { Cancel } from "../../std/clock.ts";
import { messageOf, type TidemarkError } from "../../std/errors.ts";
import type { SourceStatus } from "../../log/log.ts";
import type { TypedChannel } from "../../protocol/typed-channel.ts";
import { Commits } from "../commits.ts";
import type { OpenSocket } from "../socket/message-socket.ts";
import type { Source, SourceContext, SourceDraft } from "../source.ts";
import { ChainFollower } from "./chain-follower.ts";
import { ChainTracker } from "./chain-tracker.ts";
import { Drafts } from "./drafts.ts";
import { transactionOf } from "./messages.ts";
import { NodeConnection } from "./node-connection.ts";
import type { CheckedOptions } from "./options.ts";
import type { EthereumChain, EthereumTransaction, RawTransaction } from "./rows.ts";

/** The channels by their default names, for their types. */
type EthereumChannels = {
  readonly transactions: TypedChannel<EthereumTransaction>;
  readonly chains: TypedChannel<EthereumChain>;
};

/** What `ethereum()` returns: a source for `createTidemark({ sources })`. */
export interface EthereumSource extends Source {
  /** For the rows' types, under the default names: `createClient<typeof source.channels>()`. */
  readonly channels: EthereumChannels;
  /**
   * A transaction with its input, from the node. Undefined where the node does not know it.
   * @throws Error while the node does not answer
   */
  transaction(hash: string): Promise<RawTransaction | undefined>;
}

interface Running {
  readonly context: SourceContext;
  readonly tracker: ChainTracker;
  readonly drafts: Drafts;
  readonly commits: Commits;
}

interface Link {
  readonly node: NodeConnection;
  readonly follower: ChainFollower;
}

export class ChainSource implements EthereumSource {
  readonly name: string;
  readonly channels: EthereumChannels = { transactions: {}, chains: {} };
  readonly #options: CheckedOptions;
  readonly #open: OpenSocket;
  #running: Running | undefined;
  #link: Link | undefined;
  #downReason = "connecting to the node";
  #attempts = 0;
  #missed = 0;
  #isStarted = false;
  #isStopped = false;
  #cancelReconnect: Cancel = () => {};
  #cancelTick: Cancel = () => {};
  /** Resolves the start: the first copy is complete, or will not be soon. */
  #endStart: () => void = () => {};

  constructor(options: CheckedOptions, open: OpenSocket) {
    this.name = options.name;
    this.#options = options;
    this.#open = open;
  }

  get stats(): object {
    const tracker = this.#running?.tracker;
    return {
      chain: this.#options.chain,
      head: tracker?.head?.number ?? null,
      pending: tracker?.pendingCount ?? 0,
      waiting_rows: tracker?.waitingRows ?? 0,
      missed: this.#missed,
      reorgs: tracker?.reorgs.count ?? 0,
    };
  }

  async start(context: SourceContext): Promise<void> {
    const { transactions, chains, limits } = this.#options;
    await context.append({
      changes: [],
      declares: [transactions, chains],
      status: [{ status: { status: "catching_up", reason: this.#downReason } }],
    });
    if (this.#isStopped) return;
    const running = this.#run(context);
    this.#running = running;
    let cancelWait: Cancel = () => {};
    await new Promise<void>((resolve) => {
      this.#endStart = resolve;
      cancelWait = context.clock.after(limits.startMsMax, resolve);
      this.#connect(running);
    });
    cancelWait();
    this.#isStarted = true;
    await running.commits.now();
    this.#tick(running);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelReconnect();
    this.#cancelTick();
    this.#link?.node.close();
    this.#link = undefined;
    this.#endStart();
    await this.#running?.commits.stop();
  }

  async transaction(hash: string): Promise<RawTransaction | undefined> {
    const node = this.#link?.node;
    if (node === undefined) throw new Error(this.#downReason);
    const found = await node.request("eth_getTransactionByHash", hash);
    return found === null ? undefined : transactionOf(found);
  }

  #run(context: SourceContext): Running {
    const { chain, confirmations, limits } = this.#options;
    const { pendingMax, blocksMax, retryMs } = limits;
    const tracker = new ChainTracker({ chain, confirmations, pendingMax, blocksMax });
    const drafts = new Drafts({ options: this.#options, tracker });
    const commits = new Commits({
      context,
      retryMs,
      collect: () => this.#collect(),
      onEnd: (error) => this.#onEnd(error),
    });
    return { context, tracker, drafts, commits };
  }

  #connect(running: Running): void {
    const { context, tracker } = running;
    const { clock } = context;
    const { url, limits } = this.#options;
    const node: NodeConnection = new NodeConnection({
      url,
      clock,
      open: this.#open,
      limits,
      onOpen: () => {
        this.#link = { node, follower };
        follower.begin().then(
          () => this.#onFollowing(node),
          (error: unknown) => this.#onFailure(running, node, messageOf(error)),
        );
      },
      onEnd: (reason) => this.#onDown(running, reason),
    });
    const follower = new ChainFollower({
      node,
      tracker,
      options: this.#options,
      clock,
      onChange: () => this.#onChange(),
      onMissed: () => this.#missed++,
    });
  }

  #onFollowing(node: NodeConnection): void {
    if (this.#link?.node !== node) return;
    this.#attempts = 0;
    if (this.#running?.tracker.head !== undefined) this.#endStart();
  }

  /** The node can't be followed: another attempt begins with another connection. */
  #onFailure(running: Running, node: NodeConnection, reason: string): void {
    if (this.#link?.node !== node) return;
    node.close();
    this.#onDown(running, reason);
  }

  #onDown(running: Running, reason: string): void {
    const { clock, random, logger } = running.context;
    const { reconnectBaseMs, reconnectMsMax } = this.#options.limits;
    this.#link = undefined;
    this.#downReason = reason;
    if (this.#isStopped) return;
    logger.warn({ source: this.name, reason }, "the connection to the node is lost");
    this.#endStart();
    const pauseMs = Math.min(reconnectMsMax, reconnectBaseMs * 2 ** Math.min(this.#attempts++, 30));
    this.#cancelReconnect = clock.after(pauseMs * (0.5 + random.next() / 2), () =>
      this.#connect(running),
    );
    this.#onChange();
  }

  #onChange(): void {
    const running = this.#running;
    if (running === undefined || this.#isStopped) return;
    if (running.tracker.waitingRows >= this.#options.limits.waitingRowsMax)
      this.#link?.node.setPaused(true);
    if (this.#isStarted) running.commits.schedule();
  }

  #collect(): SourceDraft | undefined {
    const running = this.#running;
    if (running === undefined) return undefined;
    const follower = this.#link?.follower;
    const draft = running.drafts.take({
      follower,
      status: this.#status(running),
      missed: this.#missed,
    });
    this.#link?.node.setPaused(false);
    return draft;
  }

  #status({ tracker, context }: Running): SourceStatus {
    const link = this.#link;
    const trouble = link?.follower.trouble;
    if (tracker.head === undefined && (link !== undefined || this.#attempts === 0))
      return { status: "catching_up", reason: trouble ?? this.#downReason };
    if (link === undefined) return { status: "stale", reason: this.#downReason };
    if (link.follower.throughMs === undefined)
      return { status: "catching_up", reason: trouble ?? "reading the last blocks" };
    if (trouble !== undefined) return { status: "stale", reason: trouble };
    const { blockMsMax } = this.#options.limits;
    const silentMs = context.clock.monotonic() - link.follower.headAtMs;
    if (silentMs >= blockMsMax)
      return { status: "stale", reason: `no new block for ${Math.round(silentMs / 1_000)} s` };
    const { pendingTrouble } = link.follower;
    if (pendingTrouble === undefined) return { status: "live" };
    return { status: "catching_up", reason: pendingTrouble };
  }

  #tick(running: Running): void {
    if (this.#isStopped) return;
    this.#cancelTick = running.context.clock.after(this.#options.limits.headMs, () => {
      void this.#link?.follower.follow();
      void this.#link?.follower.checkPending();
      running.commits.schedule();
      this.#tick(running);
    });
  }

  #onEnd(error: TidemarkError): void {
    this.#running?.context.logger.error({ err: error }, "the Ethereum source stops");
    void this.stop();
  }
}

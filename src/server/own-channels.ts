/**
 * The program's own channels, and writes to them: each call is one commit, checked before anything
 * is written.
 */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { CommitDraft, Expectation, Log } from "../log/log.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { Replica } from "../table/replica.ts";
import {
  checkRow,
  declarationOf,
  Transaction,
  type Channels,
  type RowLimits,
  type TransactionHandle,
} from "./channel.ts";
import { MEMORY } from "./mutations/memory-writer.ts";

/** Writes to one channel. Every call is one commit and returns its seq. */
export interface ChannelHandle<R> {
  /**
   * Resolves when the row is placed in the log; `tidemark.durable(seq)` when it is stored too.
   * @throws TidemarkError `BAD_ROW`, `HISTORY_FULL` before anything is written, `LOG_FULL`,
   * `STOPPED`
   */
  upsert(rows: R | readonly R[]): Promise<number>;
  remove(keys: string | readonly string[]): Promise<number>;
  get(key: string): R | undefined;
  readonly size: number;
}

export interface OwnChannelsOptions<C extends Channels> {
  readonly channels: C | undefined;
  /** `declarationsOf(channels)` */
  readonly declarations: readonly ChannelDeclaration[];
  readonly log: Log;
  /** Identifies this process among the writers of the log. */
  readonly nodeId: string;
  /** The store that keeps rows: opened by the first write, if nothing has opened it yet. */
  readonly history:
    | {
        open(): Promise<void>;
        /** @throws TidemarkError `HISTORY_FULL` for a channel whose rows can't be kept now */
        admit(channel: string): void;
      }
    | undefined;
}

/** @throws TidemarkError `BAD_OPTION` */
export function declarationsOf(channels: Channels = {}): readonly ChannelDeclaration[] {
  return Object.entries(channels).flatMap(([name, definition]) =>
    definition.derived === undefined ? [declarationOf(name, definition)] : [],
  );
}

export class OwnChannels<C extends Channels> {
  readonly #options: OwnChannelsOptions<C>;
  readonly #declarations = new Map<string, ChannelDeclaration>();
  #writes = 0;

  constructor(options: OwnChannelsOptions<C>) {
    this.#options = options;
    for (const declaration of options.declarations)
      this.#declarations.set(declaration.name, declaration);
  }

  /** @throws TidemarkError `UNKNOWN_CHANNEL` */
  handle<N extends keyof C & string>(
    name: N,
    replica: Replica,
    limits: RowLimits,
  ): ChannelHandle<RowOf<C[N]>> {
    if (this.#options.channels?.[name]?.derived === undefined) this.#own(name);
    const rows = () => replica.table(name)?.rows;
    return {
      upsert: (input) => this.transact((write) => write.upsert(name, input), limits),
      remove: (keys) => this.transact((write) => write.remove(name, keys), limits),
      get: (key) => rows()?.get(key)?.row as RowOf<C[N]> | undefined,
      get size() {
        return rows()?.size ?? 0;
      },
    };
  }

  /**
   * One commit. Each has its own source position, so that a guarded write (`expect`) can require
   * that no other commit came between. @throws TidemarkError `BAD_ROW`, `UNKNOWN_CHANNEL`,
   * `SUPERSEDED`, `LOG_FULL`, `STOPPED`
   */
  async transact(
    fill: (transaction: TransactionHandle<C>) => void,
    limits: RowLimits,
    expect?: Expectation,
  ): Promise<number> {
    const { channels, history } = this.#options;
    if (history !== undefined) await history.open();
    const transaction = new Transaction();
    fill({
      upsert: (name, rows) => {
        const declaration = this.#own(name);
        history?.admit(name);
        const schema = channels?.[name]?.row;
        for (const input of Array.isArray(rows) ? (rows as readonly unknown[]) : [rows])
          transaction.upsert(name, checkRow(declaration, schema, limits, input));
      },
      remove: (name, keys) => {
        this.#own(name);
        history?.admit(name);
        for (const key of typeof keys === "string" ? [keys] : keys) transaction.remove(name, key);
      },
    });
    return this.#append(transaction.draft(), expect);
  }

  /**
   * One commit of rows that were checked already. @throws TidemarkError `HISTORY_FULL`,
   * `LOG_FULL`, `STOPPED`
   */
  async append(draft: CommitDraft): Promise<number> {
    for (const { channel } of draft.changes) this.#options.history?.admit(channel);
    return this.#append(draft);
  }

  #append(draft: CommitDraft, expect?: Expectation): Promise<number> {
    const { log, nodeId } = this.#options;
    const sourcePosition = `${nodeId}${++this.#writes}`;
    return log.append({ ...draft, source: MEMORY, sourcePosition }, expect);
  }

  #own(name: string): ChannelDeclaration {
    const declaration = this.#declarations.get(name);
    if (declaration !== undefined) return declaration;
    const derived = this.#options.channels?.[name]?.derived;
    if (derived !== undefined)
      throw new TidemarkError(
        "BAD_OPTION",
        `Channel "${name}" is derived: it changes when "${derived.from}" does. Write there.`,
      );
    throw new TidemarkError("UNKNOWN_CHANNEL", `This program declares no channel "${name}".`);
  }
}

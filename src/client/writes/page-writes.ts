/**
 * A page's writes: mutations by name with their optimistic patches, writes by the application's own
 * endpoints, and the list of pending ones. Loaded by pages that write.
 */
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Random } from "../../std/random.ts";
import { CLIENT_FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { MutationTree, TypedMutation } from "../../protocol/typed-mutation.ts";
import { Overlay } from "./overlay.ts";
import { PendingWrites, type PendingWrite } from "./pending-writes.ts";
import type { PageCursor, WriteRequest, WriteResult } from "../port.ts";
import type { RowPatch } from "./row-patch.ts";
import { checkSize } from "./write-message.ts";

/** A write's expected patches, as a pure function of its input. */
export type OptimisticFunction<I> = (input: I) => RowPatch | readonly RowPatch[];

/** For some of the mutations, by the same names. */
export type Optimistic<M> = {
  readonly [N in keyof M]?: M[N] extends TypedMutation<infer I, unknown>
    ? OptimisticFunction<I>
    : Optimistic<M[N]>;
};

export interface MutateOptions {
  /** The expected patches of this call, in place of the declared function. */
  readonly optimistic?: RowPatch | readonly RowPatch[];
  /**
   * Refuse the write with `STALE_WRITE` if its row has changed after this commit: `client.cursor`
   * as it was when the user saw the row; a number counts in the history that the page is in now.
   */
  readonly expectedSeq?: number | PageCursor;
}

/**
 * Resolves with what the handler returned, when every live view of the page holds the write.
 * Rejects with `MutationError` when nothing was written, with `TidemarkError` when it was not sent.
 */
export type MutateFunction<I, R> = (input: I, options?: MutateOptions) => Promise<R>;

export type Mutate<M> = {
  readonly [N in keyof M]: M[N] extends TypedMutation<infer I, infer R>
    ? MutateFunction<I, R>
    : Mutate<M[N]>;
};

export interface WriteOptions<A> {
  /** Does the write by the application's own endpoint, whose answer names its transaction. */
  readonly run: () => Promise<A>;
  readonly optimistic?: RowPatch | readonly RowPatch[];
  /**
   * Finds the result of `tidemark.txid(tx)` in the endpoint's answer. Default: the answer's `txid`.
   */
  readonly txid?: (answer: A) => string | undefined;
  /** The write's name in the list of pending writes. */
  readonly name?: string;
}

export interface PageWritesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly optimistic: Optimistic<MutationTree> | undefined;
  readonly headers: () => Readonly<Record<string, string>>;
  readonly post: (request: WriteRequest) => void;
  readonly pendingMax: number;
  readonly cursor: () => PageCursor | undefined;
  /** The pending writes have changed, and so may every view have. */
  readonly onChange: () => void;
}

const ID_LENGTH = 24;

export class PageWrites {
  readonly pending: PendingWrites;
  readonly #options: PageWritesOptions;

  constructor(options: PageWritesOptions) {
    this.#options = options;
    this.pending = new PendingWrites(options.clock, options.pendingMax);
  }

  get list(): readonly PendingWrite[] {
    return this.pending.snapshot;
  }

  /** Lays pending writes over the rows of a query. */
  createOverlay(query: WireQuery): Overlay {
    return new Overlay(query);
  }

  /**
   * A write by the application's own endpoint. Rejects with what `run` throws, or with
   * `MutationError`.
   */
  async write<A>({ run, optimistic, txid = txidIn, name = "write" }: WriteOptions<A>): Promise<A> {
    const { random, post, headers, onChange } = this.#options;
    const id = random.id(ID_LENGTH);
    const visible = this.pending.begin({
      id,
      name,
      input: undefined,
      patches: listOf(optimistic),
      phase: "running",
    });
    // The write was refused before it began, so `run` is not called.
    if (!this.pending.has(id)) await visible;
    visible.catch(() => {});
    onChange();
    let answer: A;
    try {
      answer = await run();
      const named = txid(answer);
      if (named === undefined) this.pending.end(id);
      else {
        this.pending.answered(id);
        post({ id, txid: named, headers: headers() });
      }
    } catch (error) {
      this.pending.end(id);
      onChange();
      throw error;
    }
    const isAwaited = this.pending.has(id);
    onChange();
    if (isAwaited) await visible;
    return answer;
  }

  /** Takes the outcomes that the engine has sent. */
  take(cursor: PageCursor | undefined, results: readonly WriteResult[]): void {
    // A write's history that ended before the page could show it precedes the present one.
    for (const { visibleAt } of results)
      if (visibleAt !== undefined) this.pending.noteHistory(visibleAt.epoch);
    if (cursor !== undefined) this.pending.noteHistory(cursor.epoch);
    this.pending.take(results);
  }

  /** Resolves with what the handler returned, when every live view holds the write. */
  mutate(
    name: string,
    input: unknown,
    { optimistic, expectedSeq }: MutateOptions = {},
  ): Promise<JsonValue | undefined> {
    const { random, post, headers, cursor, onChange } = this.#options;
    const id = random.id(ID_LENGTH);
    try {
      const expected =
        typeof expectedSeq === "number"
          ? { epoch: cursor()?.epoch ?? "", seq: expectedSeq }
          : expectedSeq;
      if (expected !== undefined && !(expected.seq >= 0)) {
        throw new TidemarkError(
          "BAD_OPTION",
          `expectedSeq is ${expected.seq}, but a view that has not loaded has shown no row. Wait until it is loaded, or leave out expectedSeq.`,
        );
      }
      // Copies the input: later changes of the caller's object must not change the write.
      const own: unknown = input === undefined ? undefined : JSON.parse(JSON.stringify(input));
      const request: WriteRequest = {
        id,
        name,
        input: own,
        headers: headers(),
        ...(expected !== undefined && { expected }),
      };
      checkSize(request, CLIENT_FRAME_BYTES_MAX);
      const patches =
        optimistic === undefined ? listOf(this.#optimisticFor(name)?.(own)) : listOf(optimistic);
      const visible = this.pending.begin({ id, name, input: own, patches, phase: "sent" });
      if (this.pending.has(id)) post(request);
      onChange();
      return visible;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #optimisticFor(name: string): OptimisticFunction<unknown> | undefined {
    let found: unknown = this.#options.optimistic;
    for (const part of name.split("."))
      found =
        typeof found === "object" && found !== null && Object.hasOwn(found, part)
          ? (found as Record<string, unknown>)[part]
          : undefined;
    return typeof found === "function" ? (found as OptimisticFunction<unknown>) : undefined;
  }
}

function listOf(patches: RowPatch | readonly RowPatch[] | undefined): readonly RowPatch[] {
  if (patches === undefined) return [];
  return "channel" in patches ? [patches] : patches;
}

function txidIn(answer: unknown): string | undefined {
  const txid =
    typeof answer === "object" && answer !== null ? (answer as { txid?: unknown }).txid : undefined;
  return typeof txid === "string" ? txid : undefined;
}

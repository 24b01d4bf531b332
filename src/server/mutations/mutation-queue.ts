/**
 * Runs clients' mutations: those of a session one after another, in the order in which the client
 * sent them, and each result waits for the turn that holds its write. While the database can't be
 * reached the queue retries for as long as the client stays, so that no failure changes the order.
 */
import type { Logger } from "pino";
import { delay, type Cancel, type Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { Random } from "../../std/random.ts";
import type { Mutate } from "../../protocol/messages/mutate.ts";
import type { MutationFailure, MutationResult } from "../../protocol/messages/mutation-result.ts";
import { failureOf } from "../../protocol/mutation-error.ts";
import type { JsonValue } from "../../protocol/row.ts";
import type { Writer } from "../../sources/writer.ts";
import type { Replica } from "../../table/replica.ts";
import { frameOf } from "../turn/frame.ts";
import type { SourceWrite, WriteVisibility } from "./write-visibility.ts";
import { FIXED_LIMITS, type ServerLimits } from "../limits.ts";
import {
  OwnWrites,
  type MutationOutcome,
  type MutationRequest,
  type MutationExecutor,
} from "./mutation-executor.ts";
import type { Sender } from "../turn/sender.ts";
import type { Identity } from "../policies.ts";
import type { Session } from "../turn/session.ts";
import type { Turns } from "../turn/turns.ts";

export interface MutationQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly replica: Replica;
  readonly executor: MutationExecutor;
  readonly visibility: WriteVisibility;
  readonly writers: ReadonlyMap<string, Writer>;
  readonly turns: Turns;
  readonly limits: ServerLimits;
  readonly sender: Sender;
  readonly logger: Logger;
  readonly onMutation: (outcome: "written" | "rejected", ms: number) => void;
}

/** The mutations of one session. Retained as long as the session. */
class SessionQueue {
  readonly ownWrites: OwnWrites;
  /** Mutation ids that have not been answered. */
  readonly pending = new Set<string>();
  readonly waits = new Set<Cancel>();
  last: Promise<void> = Promise.resolve();
  /** Mutations that wait or run. */
  running = 0;
  /** The session's identity. */
  readonly identityHash: string;
  /**
   * The queue neither runs nor answers mutations any more: rights were revoked, or a mutation
   * failed after its client had gone.
   */
  isOver = false;

  constructor(identityHash: string, ownWritesMax: number) {
    this.identityHash = identityHash;
    this.ownWrites = new OwnWrites(ownWritesMax);
  }
}

export class MutationQueue {
  readonly #options: MutationQueueOptions;
  readonly #queues = new WeakMap<Session, SessionQueue>();
  /** Queues with mutations to run, also those of sessions that have ended. */
  readonly #active = new Set<SessionQueue>();

  constructor(options: MutationQueueOptions) {
    this.#options = options;
  }

  receive(session: Session, message: Mutate): void {
    const { mutation_id: id } = message;
    // The session has ended meanwhile: the client sends the mutation again after READY.
    if (session.state.kind !== "open") return;
    const queue = this.#queueOf(session, session.state.identityHash);
    // Sent again on the same connection: the answer is on its way.
    if (queue.pending.has(id)) return;
    const unanswered = queue.pending.size + session.results.length;
    if (unanswered >= this.#options.limits.mutationsPerSessionMax) {
      return this.#fail(session, queue, id, {
        code: "TOO_MANY_MUTATIONS",
        message: `${unanswered} mutations of this connection are unanswered. Send more when some have been answered.`,
      });
    }
    if (message.position !== undefined) return this.#await(session, queue, id, message.position);
    queue.pending.add(id);
    const { identity } = session.state;
    const request = {
      ...requestOf(message, this.#options.replica.epoch),
      caller: identity,
      ownWrites: queue.ownWrites,
    };
    queue.running++;
    this.#active.add(queue);
    queue.last = queue.last
      .then(() => this.#runFor(session, queue, request))
      .finally(() => {
        if (--queue.running === 0) this.#active.delete(queue);
      });
  }

  /**
   * The session has ended: no client waits for its writes. Its mutations still run, unless more
   * than `mutationsOrphanedMax` are under way; a client that reconnects sends them again.
   */
  leave(session: Session): void {
    const queue = this.#queues.get(session);
    for (const cancel of queue?.waits ?? []) cancel();
    this.#queues.delete(session);
    session.results = [];
    let waiting = 0;
    for (const { running } of this.#active) waiting += running;
    if (queue !== undefined && waiting > this.#options.limits.mutationsOrphanedMax)
      queue.isOver = true;
  }

  /**
   * The rights of an identity have changed: mutations that it sent under the old rights neither
   * run nor are answered any more.
   */
  revoke(identityHash: string): void {
    for (const queue of this.#active) if (queue.identityHash === identityHash) queue.isOver = true;
  }

  /**
   * Runs a mutation and waits until the tables hold it. For HTTP.
   * @throws MutationError when it was refused; TidemarkError `SOURCE_DOWN`, …: send it again with
   * the same id
   */
  async run(
    message: Mutate,
    caller: Identity,
  ): Promise<{ seq: number; value: JsonValue | undefined }> {
    const request = {
      ...requestOf(message, this.#options.replica.epoch),
      caller,
      ownWrites: new OwnWrites(this.#options.limits.ownWritesMax),
    };
    const outcome = await this.#runTimed(
      request,
      (attempt) => attempt < this.#options.limits.httpMutationTriesMax,
    );
    if (outcome.kind === "rejected") throw outcome.error;
    return { seq: await this.whenVisible(outcome.write), value: outcome.value };
  }

  /**
   * Resolves with the tables' seq as soon as they hold the write.
   * @throws TidemarkError `NOT_READY` when that takes too long; call again to continue waiting
   */
  whenVisible(write: SourceWrite): Promise<number> {
    const { clock, visibility, limits } = this.#options;
    return new Promise((resolve, reject) => {
      let stop: Cancel = () => {};
      const giveUp = clock.after(limits.visibleWaitMsMax, () => {
        stop();
        reject(
          new TidemarkError(
            "NOT_READY",
            "The write is not visible yet. Send the request again, with the same mutation_id.",
          ),
        );
      });
      stop = visibility.wait(write, (seq) => {
        giveUp();
        resolve(seq);
      });
    });
  }

  /** The write that `txid()` named to an endpoint. @throws TidemarkError `UNKNOWN_POSITION` */
  sourceWriteOf(txid: string): SourceWrite {
    const colon = txid.indexOf(":");
    const [source, write] = [txid.slice(0, colon), txid.slice(colon + 1)];
    if (
      txid.length <= FIXED_LIMITS.txidLengthMax &&
      this.#options.writers.get(source)?.isWrite(write) === true
    )
      return { source, write };
    throw new TidemarkError(
      "UNKNOWN_POSITION",
      `"${txid}" names no transaction of a source of this server. Send what tidemark.txid() returned.`,
    );
  }

  #queueOf(session: Session, identityHash: string): SessionQueue {
    const known = this.#queues.get(session);
    if (known !== undefined) return known;
    const queue = new SessionQueue(identityHash, this.#options.limits.ownWritesMax);
    this.#queues.set(session, queue);
    return queue;
  }

  #await(session: Session, queue: SessionQueue, id: string, txid: string): void {
    try {
      const write = this.sourceWriteOf(txid);
      queue.pending.add(id);
      this.#settle(session, queue, id, write, undefined);
    } catch (error) {
      if (!(error instanceof TidemarkError)) throw error;
      this.#fail(session, queue, id, { code: error.code, message: error.message });
    }
  }

  async #runFor(session: Session, queue: SessionQueue, request: MutationRequest): Promise<void> {
    const { id } = request;
    if (queue.isOver) return;
    try {
      const outcome = await this.#runTimed(
        request,
        () => !queue.isOver && session.state.kind === "open",
      );
      if (outcome.kind === "written")
        return this.#settle(session, queue, id, outcome.write, outcome.value);
      this.#fail(session, queue, id, failureOf(outcome.error));
    } catch (error) {
      // The client is gone and sends its mutations again elsewhere; later mutations of this queue
      // must not overtake this one.
      if (session.state.kind !== "open") queue.isOver = true;
      else this.#fail(session, queue, id, this.#explain(error));
    }
    queue.pending.delete(id);
  }

  async #runTimed(
    request: MutationRequest,
    mayTryAgain: (attempt: number) => boolean,
  ): Promise<MutationOutcome> {
    const { clock, random, executor, limits, onMutation } = this.#options;
    const startMs = clock.monotonic();
    for (let attempt = 1; ; attempt++) {
      try {
        const outcome = await executor.run(request);
        onMutation(outcome.kind, clock.monotonic() - startMs);
        return outcome;
      } catch (error) {
        if (!(error instanceof TidemarkError) || !error.retryable || !mayTryAgain(attempt))
          throw error;
        const waitMs = Math.min(limits.mutationRetryMsMax, limits.mutationRetryMs * 2 ** attempt);
        await delay(clock, waitMs / 2 + (waitMs / 2) * random.next());
      }
    }
  }

  #settle(
    session: Session,
    queue: SessionQueue,
    id: string,
    write: SourceWrite,
    value: JsonValue | undefined,
  ): void {
    const { visibility, turns } = this.#options;
    if (queue.isOver || this.#queues.get(session) !== queue) return;
    let cancel: Cancel | undefined;
    const stop = visibility.wait(write, (seq) => {
      queue.pending.delete(id);
      if (cancel !== undefined) queue.waits.delete(cancel);
      if (session.state.kind === "closed") return;
      const result: MutationResult = {
        op: "DISPATCH",
        type: "MUTATION_RESULT",
        mutation_id: id,
        seq,
        ...(value !== undefined && { value }),
      };
      session.results.push(frameOf(result, session.dialect));
      turns.serve(session);
    });
    if (!queue.pending.has(id)) return;
    cancel = stop;
    queue.waits.add(cancel);
  }

  #explain(error: unknown): MutationFailure {
    if (error instanceof TidemarkError) return { code: error.code, message: error.message };
    this.#options.logger.error({ err: error }, "mutation failed");
    return { code: "INTERNAL", message: "The server failed; its log has the cause." };
  }

  #fail(session: Session, queue: SessionQueue, id: string, error: MutationFailure): void {
    if (queue.isOver || this.#queues.get(session) !== queue) return;
    this.#options.sender.send(session, {
      op: "DISPATCH",
      type: "MUTATION_RESULT",
      mutation_id: id,
      error,
    });
  }
}

function requestOf(
  { mutation_id: id, name = "", input, expected_seq: seq, epoch }: Mutate,
  present: string,
): Omit<MutationRequest, "caller" | "ownWrites"> {
  return {
    id,
    name,
    input,
    expected: seq === undefined ? undefined : { epoch: epoch ?? present, seq },
  };
}

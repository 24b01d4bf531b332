/**
 * Rows from producers, without HTTP: who may write what, one commit per request, and when it is
 * answered. Everything of a request is checked before anything is written.
 */
import { createHash } from "node:crypto";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError } from "../../std/errors.ts";
import type { HistoryHost } from "../../history/history-host.ts";
import { FIXED_HISTORY_LIMITS } from "../../history/limits.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { CommitDraft } from "../../log/log.ts";
import type { Replica } from "../../table/replica.ts";
import { unknownChannel } from "../../table/unknown-channel.ts";
import type { RowLimits } from "../channel.ts";
import { identityText } from "../identity.ts";
import type { IngestLimits } from "../ingest-limits.ts";
import type { Identity, Policies } from "../policies.ts";
import { SeenRequests, type Once } from "./seen-requests.ts";
import { Upload } from "./upload.ts";

/** A channel that takes rows from some callers. */
export interface IngestChannel {
  readonly declaration: ChannelDeclaration;
  readonly row: StandardSchemaV1 | undefined;
  readonly ingest: (caller: Identity) => boolean;
}

export interface IngestOptions {
  readonly channels: ReadonlyMap<string, IngestChannel>;
  readonly replica: Replica;
  readonly policies: Policies;
  /** The part of an identity that names the user, without the rights. */
  readonly identityKey: (identity: Identity) => unknown;
  /** Appends one commit of rows that were checked. */
  readonly append: (draft: CommitDraft) => Promise<number>;
  readonly history: HistoryHost | undefined;
  readonly clock: Clock;
  readonly limits: IngestLimits;
  readonly rowLimits: RowLimits;
  /** Called when a channel's `ingest` threw; the caller may not write then. */
  readonly onFailed: (channel: string, error: unknown) => void;
}

export type IngestFormat = "json" | "ndjson";

export interface IngestHead {
  readonly channel: string;
  readonly caller: Identity;
  readonly format: IngestFormat;
  readonly idempotencyKey: string | undefined;
}

export interface IngestAnswer {
  readonly epoch: string;
  readonly seq: number;
  /** Rows and removed keys of the request. */
  readonly rows: number;
  /** Whether the history store holds them. */
  readonly durable: boolean;
}

/** For metrics. */
export interface IngestStats {
  /** Not answered yet. */
  readonly requests: number;
  readonly bytes: number;
  /** Since the start. */
  readonly written: number;
  readonly repeated: number;
  readonly rowsWritten: number;
  readonly bytesRead: number;
  /** By code. */
  readonly refused: ReadonlyMap<string, number>;
}

export class Ingest {
  readonly #options: IngestOptions;
  readonly #stats = {
    requests: 0,
    bytes: 0,
    written: 0,
    repeated: 0,
    rowsWritten: 0,
    bytesRead: 0,
    refused: new Map<string, number>(),
  };
  #seen: Promise<SeenRequests> | undefined;

  constructor(options: IngestOptions) {
    this.#options = options;
  }

  get stats(): IngestStats {
    return this.#stats;
  }

  get limits(): IngestLimits {
    return this.#options.limits;
  }

  /** Counts a request that was not written. */
  refused(code: string): void {
    const { refused } = this.#stats;
    refused.set(code, (refused.get(code) ?? 0) + 1);
  }

  /**
   * Takes one request: `read` gives the upload all of the body. @throws TidemarkError
   * `UNKNOWN_CHANNEL`, `FORBIDDEN`, `INGEST_FULL`, `HISTORY_FULL` before the body is read;
   * `BAD_ROW`, `BAD_MESSAGE`, `INGEST_TOO_LARGE`, `IDEMPOTENCY_CONFLICT`, `LOG_FULL`, `STOPPED`
   * when nothing was written; `HISTORY_UNAVAILABLE` when the rows are placed and not stored yet
   */
  async take(head: IngestHead, read: (upload: Upload) => Promise<void>): Promise<IngestAnswer> {
    const { limits, history, rowLimits } = this.#options;
    const target = this.#targetOf(head);
    const stats = this.#stats;
    if (stats.requests >= limits.requestsMax) throw full(`${limits.requestsMax} requests`);
    history?.writer.admit(head.channel);
    const upload = new Upload({
      ...target,
      format: head.format,
      limits,
      rowLimits,
      hash: head.idempotencyKey === undefined ? undefined : createHash("sha256"),
      admit: (bytes) => {
        stats.bytesRead += bytes;
        if (stats.bytes + bytes > limits.pendingBytesMax)
          throw full(`${limits.pendingBytesMax} bytes`);
        stats.bytes += bytes;
      },
    });
    stats.requests++;
    try {
      await read(upload);
      return await this.#write(head, upload);
    } finally {
      stats.requests--;
      stats.bytes -= upload.bytes;
    }
  }

  async #write(head: IngestHead, upload: Upload): Promise<IngestAnswer> {
    const { replica } = this.#options;
    const draft = upload.draft();
    const { seq, isRepeat } = await this.#append(head, upload, draft);
    if (isRepeat) this.#stats.repeated++;
    else {
      this.#stats.written++;
      this.#stats.rowsWritten += upload.rows;
    }
    const durable = await this.#stored(head.channel, seq);
    return { epoch: replica.epoch, seq, rows: upload.rows, durable };
  }

  async #append(
    { caller, channel, format, idempotencyKey }: IngestHead,
    upload: Upload,
    draft: CommitDraft,
  ): Promise<Once> {
    const { append, identityKey } = this.#options;
    if (idempotencyKey === undefined) return { seq: await append(draft), isRepeat: false };
    this.#seen ??= this.#findSeen();
    const seen = await this.#seen;
    const owner = identityText(identityKey(caller));
    const id = {
      key: hashOf(JSON.stringify([owner, idempotencyKey])),
      body: hashOf(JSON.stringify([channel, format, upload.digest()])),
    };
    // Rows of a channel without history are gone after a restart, and so must be the id.
    return seen.once(id, (requestIds) =>
      append(this.#isStored(channel) ? { ...draft, requestIds } : draft),
    );
  }

  async #findSeen(): Promise<SeenRequests> {
    const stored = (await this.#options.history?.requestIds()) ?? [];
    return new SeenRequests(FIXED_HISTORY_LIMITS.requestIdsMax, stored);
  }

  #isStored(channel: string): boolean {
    return this.#options.history?.writer.hasHistory(channel) === true;
  }

  /** Resolves when the rows are where the channel keeps them: true for the history store. */
  async #stored(channel: string, seq: number): Promise<boolean> {
    const { clock, history, limits } = this.#options;
    if (history === undefined || !this.#isStored(channel)) return false;
    const waiting = new AbortController();
    const cancel = clock.after(limits.durableMsMax, () =>
      waiting.abort(
        new TidemarkError(
          "HISTORY_UNAVAILABLE",
          `The rows are placed at seq ${seq}, and after ${limits.durableMsMax} ms the history store does not hold them. Send the request again with the same Idempotency-Key to wait on.`,
        ),
      ),
    );
    await history.writer.durable(seq, waiting.signal).finally(cancel);
    return true;
  }

  /**
   * A channel that the caller may not see, one that does not exist and one that takes no rows are
   * the same to the caller.
   */
  #targetOf({ channel, caller }: IngestHead): IngestChannel {
    const { channels, policies, replica } = this.#options;
    const target = channels.get(channel);
    if (target !== undefined && this.#mayWrite(target, caller)) return target;
    if (replica.table(channel) === undefined || policies.extentFor(caller, channel) === "none")
      throw unknownChannel(channel);
    throw new TidemarkError(
      "FORBIDDEN",
      `This caller may not write rows to channel "${channel}". A channel takes rows of the callers for whom its ingest returns true.`,
    );
  }

  #mayWrite({ declaration, ingest }: IngestChannel, caller: Identity): boolean {
    try {
      return ingest(caller) === true;
    } catch (error) {
      this.#options.onFailed(declaration.name, error);
      return false;
    }
  }
}

function full(what: string): TidemarkError {
  return new TidemarkError(
    "INGEST_FULL",
    `${what} of ingest wait for an answer, and no more fit. Nothing was written.`,
  );
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

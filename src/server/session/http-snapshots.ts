/**
 * Snapshots over HTTP: `GET /snapshot` answers with channels' rows and the seq that a socket can
 * continue from, or with the changes since a seq. A body is encoded at most once per
 * `snapshotReuseMs`, however many clients request it; a body of that age is still correct, since
 * the cursor brings later changes.
 */
import { createHash } from "node:crypto";
import { TidemarkError } from "../../std/errors.ts";
import type { Replica } from "../../table/replica.ts";
import type { View } from "../../table/view.ts";
import type { ChannelStates } from "../turn/channel-states.ts";
import type { ServerLimits } from "../limits.ts";
import type { Identity, Policies } from "../policies.ts";
import type { WorkQueue } from "../work-queue.ts";
import { EncodedViews } from "./encoded-rows.ts";

export interface HttpSnapshotsOptions {
  readonly replica: Replica;
  readonly states: ChannelStates;
  readonly policies: Policies;
  readonly limits: ServerLimits;
  /** The queue in which views are filled. */
  readonly queue: WorkQueue;
  readonly monotonic: () => number;
  readonly onBuild: (buildMs: number) => void;
}

export interface HttpSnapshotRequest {
  readonly channels: readonly string[];
  readonly identity: Identity;
  /** Send only the changes after this seq, if the server still knows them. */
  readonly sinceSeq: number | undefined;
  /** A revision that the client has, or its `epoch:seq`: the answer has the changes after it. */
  readonly cursor: string | undefined;
  /** The revision of a whole answer that the client has cached. */
  readonly ifNoneMatch: string | undefined;
}

export type HttpSnapshotAnswer =
  | { readonly kind: "unchanged"; readonly revision: string }
  | { readonly kind: "body"; readonly revision: string; readonly body: Buffer };

interface Built {
  readonly revision: string;
  readonly body: Buffer;
  readonly builtMs: number;
  /** The newest change of each view in the body. */
  readonly lastSeqs: string;
}

export class HttpSnapshots {
  readonly #options: HttpSnapshotsOptions;
  readonly #bodies = new Map<string, Built>();
  readonly #encoded: EncodedViews;

  constructor(options: HttpSnapshotsOptions) {
    this.#options = options;
    this.#encoded = new EncodedViews(options.limits.snapshotBodyBytesMax);
  }

  /** @throws TidemarkError `UNKNOWN_CHANNEL`, and the errors of opening and filling a view */
  async answer(request: HttpSnapshotRequest): Promise<HttpSnapshotAnswer> {
    const { replica, monotonic, policies } = this.#options;
    const views: View[] = [];
    try {
      for (const channel of request.channels) {
        const view = policies.viewFor(request.identity, { channel }).open();
        views.push(view);
        await this.filled(view);
      }
      // Another epoch may have begun meanwhile, or a channel may have been declared anew.
      if (views.some((view) => replica.fill(view, isOver) !== "whole"))
        throw new TidemarkError("NOT_READY", "The channels have changed meanwhile. Try again.");
      // The node's own tables have no seq of the log.
      const isInLog = !views.some(({ channel }) => replica.isOwn(channel));
      const cached = isInLog ? this.#seqOf(request.ifNoneMatch, views, true) : undefined;
      if (
        cached !== undefined &&
        views.every(({ rows }) => rows.lastSeq <= cached && cached >= rows.floor)
      ) {
        return { kind: "unchanged", revision: this.#revision(cached, views) };
      }
      const since = request.sinceSeq ?? this.#seqOf(request.cursor, views, false);
      const { revision, body } = this.#body(
        views,
        isInLog && since !== undefined && since <= replica.seq ? since : undefined,
      );
      return { kind: "body", revision, body };
    } finally {
      for (const view of views) replica.release(view, monotonic());
    }
  }

  /** Fills a view, alternating with the work of sessions. */
  filled(view: View): Promise<void> {
    const { replica, queue } = this.#options;
    if (replica.fill(view, isOver) === "whole") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const run = (isOver: () => boolean): boolean => {
        try {
          if (replica.fill(view, isOver) === "more") return false;
          resolve();
        } catch (error) {
          reject(error as Error);
        }
        return true;
      };
      queue.add({}, { run });
    });
  }

  sweep(): void {
    const nowMs = this.#options.monotonic();
    this.#encoded.sweep(nowMs);
    for (const [key, { builtMs }] of this.#bodies) {
      if (nowMs - builtMs > this.#options.limits.snapshotReuseMs) this.#bodies.delete(key);
    }
  }

  /**
   * The seq in a revision of exactly these views. Undefined for a revision of another identity or
   * another list.
   */
  #seqOf(
    revision: string | undefined,
    views: readonly View[],
    needsViews: boolean,
  ): number | undefined {
    const match = /^(?:W\/)?"?([^":]+):(\d{1,15})(?::(\w+))?"?$/.exec(revision ?? "");
    if (match === null || match[1] !== this.#options.replica.epoch) return undefined;
    const isOfOthers = match[3] === undefined ? needsViews : match[3] !== fingerprint(views);
    const seq = Number(match[2]);
    return !isOfOthers && seq <= this.#options.replica.seq ? seq : undefined;
  }

  /** `epoch:seq`, and a hash of the views. */
  #revision(seq: number, views: readonly View[]): string {
    return `${this.#options.replica.epoch}:${seq}:${fingerprint(views)}`;
  }

  #body(views: readonly View[], sinceSeq: number | undefined): Built {
    const { limits, monotonic, replica, onBuild } = this.#options;
    const key = JSON.stringify([
      replica.epoch,
      ...views.map(({ id, rows }) => [
        id,
        sinceSeq === undefined ? null : sinceSeq < rows.floor ? sinceSeq : rows.normalise(sinceSeq),
      ]),
    ]);
    const lastSeqs = views.map(({ rows }) => rows.lastSeq).join();
    const startMs = monotonic();
    const known = this.#bodies.get(key);
    if (
      known !== undefined &&
      (known.lastSeqs === lastSeqs || startMs - known.builtMs < limits.snapshotReuseMs)
    )
      return known;
    const body = Buffer.concat(this.#parts(views, sinceSeq));
    const built = {
      revision: this.#revision(replica.seq, views),
      body,
      builtMs: startMs,
      lastSeqs,
    };
    onBuild(monotonic() - startMs);
    this.#bodies.delete(key);
    this.#bodies.set(key, built);
    let bytes = 0;
    for (const kept of this.#bodies.values()) bytes += kept.body.length;
    for (const [oldest, kept] of this.#bodies) {
      if (this.#bodies.size <= limits.snapshotBodiesMax && bytes <= limits.snapshotBodyBytesMax)
        break;
      this.#bodies.delete(oldest);
      bytes -= kept.body.length;
    }
    return built;
  }

  #parts(views: readonly View[], sinceSeq: number | undefined): readonly Buffer[] {
    const { replica, limits } = this.#options;
    const { epoch } = replica;
    const head = {
      revision: this.#revision(replica.seq, views),
      epoch,
      snapshot_seq: replica.seq,
      resume_token_ttl_ms: limits.resumeTokenTtlMs,
    };
    const parts: Buffer[] = [Buffer.from(`${JSON.stringify(head).slice(0, -1)},"channels":{`)];
    for (const [index, view] of views.entries()) {
      parts.push(Buffer.from(`${index === 0 ? "" : ","}${JSON.stringify(view.channel)}:`));
      parts.push(...this.#channelParts(view, sinceSeq));
    }
    return [...parts, Buffer.from("}}")];
  }

  #channelParts(view: View, sinceSeq: number | undefined): readonly Buffer[] {
    const declaration = this.#options.replica.table(view.channel)?.channel;
    const {
      op: _op,
      type: _type,
      channel: _channel,
      rows,
      total,
      ...status
    } = this.#options.states.message(view.channel) ?? {};
    // An identity that sees only some of the rows does not get their count.
    const size = view.id === view.channel ? { channel_rows: rows, total } : {};
    const about = {
      view: view.id,
      key: declaration?.key,
      columns: declaration?.columns,
      ...status,
      ...size,
    };
    const changes = sinceSeq === undefined ? undefined : view.changesSince(sinceSeq);
    const head = JSON.stringify({
      mode: changes === undefined ? "snapshot" : "delta",
      ...about,
    }).slice(0, -1);
    if (changes === undefined) {
      const rows = this.#encoded.encode(view, this.#options.monotonic());
      const about = Buffer.from(`${head},"rows_at_seq":${view.rows.lastSeq},"rows":[`);
      return [about, ...rows, Buffer.from("]}")];
    }
    const upsert = changes.upserts.map(({ json }) => json).join(",");
    const remove = JSON.stringify(changes.removes.map(({ key }) => key));
    return [Buffer.from(`${head},"patch":{"upsert":[${upsert}],"remove":${remove}}}`)];
  }
}

/** Checks only, without work. */
function isOver(): boolean {
  return true;
}

function fingerprint(views: readonly View[]): string {
  return createHash("sha256")
    .update(JSON.stringify(views.map(({ id }) => id)))
    .digest("hex")
    .slice(0, 12);
}

/** `a,b` as a list of names, empty names left out. @throws TidemarkError `BAD_MESSAGE` */
export function parseChannels(text: string | undefined, channelsMax: number): readonly string[] {
  const names = [
    ...new Set(
      (text ?? "")
        .split(",")
        .map((name) => name.trim())
        .filter((name) => name !== ""),
    ),
  ];
  if (names.length === 0)
    throw new TidemarkError("BAD_MESSAGE", "Name the channels: ?channels=a,b.");
  if (names.length > channelsMax)
    throw new TidemarkError("BAD_MESSAGE", `At most ${channelsMax} channels per request.`);
  return names;
}

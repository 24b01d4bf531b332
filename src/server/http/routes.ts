/**
 * The answers of the routes that are not streams: snapshots, single rows, mutations, and whether a
 * write is visible.
 */
import { randomUUID } from "node:crypto";
import { TidemarkError } from "../../std/errors.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import { checkUp } from "../../protocol/parse-up.ts";
import { unknownChannel } from "../../table/unknown-channel.ts";
import type { Engine } from "../engine.ts";
import type { Access } from "../session/access.ts";
import { parseChannels } from "../session/http-snapshots.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";
import { header, jsonReply, parameter, type Reply } from "./reply.ts";

export interface RoutesOptions {
  readonly engine: Engine;
  readonly access: Pick<Access, "identify">;
}

const BODY_SHAPE =
  "The body is a JSON object: {mutation_id?, input, expected_seq?, epoch?, auth?}.";

export class Routes {
  readonly #options: RoutesOptions;
  #waiting = 0;

  constructor(options: RoutesOptions) {
    this.#options = options;
  }

  /** @throws TidemarkError, as all routes do */
  async snapshot(request: ConnectionRequest): Promise<Reply> {
    const { engine, access } = this.#options;
    const identity = await access.identify(request, undefined);
    const answer = await engine.httpSnapshots.answer({
      channels: parseChannels(parameter(request, "channels"), engine.limits.snapshotChannelsMax),
      identity,
      sinceSeq: parseSeq(parameter(request, "since_seq")),
      cursor: parameter(request, "cursor"),
      ifNoneMatch: header(request, "if-none-match"),
    });
    const headers = { ETag: `"${answer.revision}"`, "Cache-Control": "private, no-cache" };
    if (answer.kind === "unchanged") return { status: 304, headers, body: null };
    return {
      status: 200,
      headers: { ...headers, "Content-Type": "application/json; charset=utf-8" },
      body: answer.body,
    };
  }

  /** A channel's key, columns and history, for callers that may see some of its rows. */
  async channel(request: ConnectionRequest, channel: string): Promise<Reply> {
    const { replica, policies } = this.#options.engine;
    const identity = await this.#options.access.identify(request, undefined);
    policies.canSee(identity, channel, undefined);
    const declaration = replica.table(channel)?.channel;
    if (declaration === undefined) throw unknownChannel(channel);
    const { key, columns } = declaration;
    const seesAll = policies.viewFor(identity, { channel }).where === undefined;
    const history = await this.#historyOf(declaration, seesAll);
    return jsonReply({ channel, key, columns, ...(history && { history }) });
  }

  /**
   * Since when the channel's history is complete; undefined for a channel without history. How
   * many rows it has is for callers that may see all of them. A store that does not answer leaves
   * both out.
   */
  async #historyOf(
    { name, history }: ChannelDeclaration,
    seesAll: boolean,
  ): Promise<object | undefined> {
    const host = this.#options.engine.history;
    if (history === undefined || host === undefined) return undefined;
    const span = await host.store.span(name).catch(() => undefined);
    return {
      status: host.state?.status ?? null,
      from_seq: span?.fromSeq ?? null,
      from_unix_ms: span?.fromTimeMs ?? null,
      // Other channels have several versions of a row, and the store counts versions.
      rows: (history.appendOnly && seesAll ? span?.rows : undefined) ?? null,
    };
  }

  async row(request: ConnectionRequest, channel: string, key: string): Promise<Reply> {
    const { replica, policies } = this.#options.engine;
    const identity = await this.#options.access.identify(request, undefined);
    const node = replica.table(channel)?.rows.get(key);
    if (!policies.canSee(identity, channel, node?.row) || node === undefined)
      throw new TidemarkError("UNKNOWN_ROW", `Channel "${channel}" holds no row "${key}".`);
    return jsonReply({
      epoch: replica.epoch,
      as_of_seq: replica.seq,
      seq: node.seq,
      committed_unix_ms: node.timeMs,
      row: node.row,
    });
  }

  /** Answers when the tables hold the write. */
  async mutation(request: ConnectionRequest, name: string, body: string): Promise<Reply> {
    const { engine, access } = this.#options;
    const { mutation_id = randomUUID(), input, expected_seq, epoch, auth } = objectOf(body);
    const caller = await access.identify(request, auth);
    const message = checkUp({ op: "MUTATE", mutation_id, name, input, expected_seq, epoch });
    if (message.op !== "MUTATE")
      throw new TidemarkError("INTERNAL", "checkUp returned another op than MUTATE.");
    const { seq, value } = await this.#admitted(() => engine.mutationQueue.run(message, caller));
    return jsonReply({
      mutation_id: message.mutation_id,
      epoch: engine.replica.epoch,
      seq,
      ...(value !== undefined && { value }),
    });
  }

  /** Answers when the tables hold the write of another endpoint. */
  async visible(request: ConnectionRequest, body: string): Promise<Reply> {
    const { engine, access } = this.#options;
    const { position, auth } = objectOf(body);
    await access.identify(request, auth);
    if (typeof position !== "string")
      throw new TidemarkError(
        "BAD_MESSAGE",
        "The body is {position, auth?}, where position is the result of tidemark.txid().",
      );
    const seq = await this.#admitted(() =>
      engine.mutationQueue.whenVisible(engine.mutationQueue.sourceWriteOf(position)),
    );
    return jsonReply({ epoch: engine.replica.epoch, seq });
  }

  async #admitted<T>(run: () => Promise<T>): Promise<T> {
    if (this.#waiting >= this.#options.engine.limits.visibleWaitsMax)
      throw new TidemarkError("NOT_READY", "Too many requests wait for writes. Try again.");
    this.#waiting++;
    try {
      return await run();
    } finally {
      this.#waiting--;
    }
  }
}

function parseSeq(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TidemarkError("BAD_MESSAGE", "since_seq is a whole number of at least 0.");
}

function objectOf(text: string): Readonly<Record<string, unknown>> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_MESSAGE", BODY_SHAPE, { cause });
  }
  if (typeof body === "object" && body !== null && !Array.isArray(body))
    return body as Readonly<Record<string, unknown>>;
  throw new TidemarkError("BAD_MESSAGE", BODY_SHAPE);
}

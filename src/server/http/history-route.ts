/**
 * `GET /history`: the rows of a channel as of one seq, page by page, from the live edge back to the
 * oldest row that the store keeps. `POST` takes the same as JSON, with credentials in the body.
 */
import { TidemarkError } from "../../std/errors.ts";
import type { HistoryPage, HistoryReader, HistoryRequest, Moment } from "../../history/reader.ts";
import type { PagePlace } from "../../history/history.ts";
import { parseQuery } from "../../protocol/parse-query.ts";
import type { WireQuery } from "../../protocol/query.ts";
import type { Row } from "../../protocol/row.ts";
import { FeedView } from "../../table/feed-view.ts";
import { unknownChannel } from "../../table/unknown-channel.ts";
import type { Engine } from "../engine.ts";
import type { Identity } from "../policies.ts";
import type { Access } from "../session/access.ts";
import type { ConnectionRequest } from "../turn/dialect.ts";
import { parameter, type Reply } from "./reply.ts";

export interface HistoryRouteOptions {
  readonly engine: Engine;
  readonly access: Pick<Access, "identify">;
}

/** The fields of a request, as they came. */
interface Asked {
  readonly query: unknown;
  /** A seq, or a time as ISO 8601. */
  readonly as_of?: unknown;
  readonly before_seq?: unknown;
  /** `next` of the page before, or a row to continue behind: its key and `order_by` columns. */
  readonly after?: unknown;
  /** True: also the id of the view that has the changes after the page (H2). */
  readonly feed?: unknown;
  readonly auth?: unknown;
}

const BODY_SHAPE =
  "The body is a JSON object: {query: {channel, where?, order_by?, columns?, limit?}, as_of?, before_seq?, after?, feed?, auth?}.";

/** How often a page is read whose rows change meanwhile. Then the client is told to try again. */
const READS_MAX = 5;

export class HistoryRoute {
  readonly #options: HistoryRouteOptions;

  constructor(options: HistoryRouteOptions) {
    this.#options = options;
  }

  /** @throws TidemarkError, as all routes do */
  get(request: ConnectionRequest): Promise<Reply> {
    const limit = parameter(request, "limit");
    const columns = parameter(request, "columns");
    const query: Record<string, unknown> = {
      channel: parameter(request, "channel") ?? "",
      where: jsonParameter(request, "where"),
      order_by: jsonParameter(request, "order_by"),
      columns: columns?.split(","),
      limit: limit === undefined ? undefined : Number(limit),
    };
    for (const [name, value] of Object.entries(query)) if (value === undefined) delete query[name];
    const asOf = parameter(request, "as_of");
    const beforeSeq = parameter(request, "before_seq");
    return this.#answer(request, {
      query,
      as_of: asOf !== undefined && /^\d+$/.test(asOf) ? Number(asOf) : asOf,
      before_seq: beforeSeq === undefined ? undefined : Number(beforeSeq),
      after: parameter(request, "after"),
    });
  }

  async post(request: ConnectionRequest, body: string): Promise<Reply> {
    let asked: unknown;
    try {
      asked = JSON.parse(body);
    } catch (cause) {
      throw new TidemarkError("BAD_MESSAGE", BODY_SHAPE, { cause });
    }
    if (typeof asked !== "object" || asked === null || !("query" in asked))
      throw new TidemarkError("BAD_MESSAGE", BODY_SHAPE);
    return this.#answer(request, asked as Asked);
  }

  async #answer(request: ConnectionRequest, asked: Asked): Promise<Reply> {
    const { engine, access } = this.#options;
    const identity = await access.identify(request, asked.auth);
    const query = parseQuery(asked.query);
    const policy = engine.policies.viewFor(identity, query).where;
    if (engine.replica.isOwn(query.channel) || engine.history === undefined)
      throw noHistory(query.channel);
    const after = afterOf(asked.after);
    const feed = asked.feed === true ? await this.#openFeed(identity, query) : undefined;
    const page = await this.#page(engine.history.reader, identity, {
      query,
      policy,
      asOf: momentOf(asked.as_of) ?? (after?.asOf === undefined ? undefined : { seq: after.asOf }),
      beforeSeq: seqOf(asked.before_seq, "before_seq"),
      after: after?.place,
    });
    // Rights and channels may have changed while the store was read.
    const now = engine.policies.viewFor(identity, query).where;
    if (JSON.stringify(now) !== JSON.stringify(policy)) throw unknownChannel(query.channel);
    return {
      status: 200,
      headers: {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "private, no-store",
      },
      body: bodyOf(engine.replica.epoch, page, feed),
    };
  }

  /**
   * A feed tells what becomes of the rows of a page of the newest seq. Rows that have changed in a
   * way that it did not tell, while the page was read, are read anew.
   */
  async #page(
    reader: HistoryReader,
    identity: Identity,
    request: HistoryRequest,
  ): Promise<HistoryPage> {
    const { policies, replica } = this.#options.engine;
    const { limit: _limit, ...query } = request.query;
    const { id } = policies.viewFor(identity, { ...query, history: true });
    const view = request.asOf === undefined ? replica.find(query.channel, id) : undefined;
    if (!(view instanceof FeedView)) return reader.page(request);
    for (let attempt = 1; attempt <= READS_MAX; attempt++) {
      const page = await view.serve(() => reader.page(request));
      if (page !== undefined) return page;
    }
    throw new TidemarkError("NOT_READY", "The rows change faster than they are read. Try again.");
  }

  /** The view has every change from here on, and waits for the client for `lingerMs`. */
  async #openFeed(identity: Identity, { limit: _limit, ...query }: WireQuery): Promise<string> {
    const { engine } = this.#options;
    const { httpSnapshots, policies, replica } = engine;
    const view = policies.viewFor(identity, { ...query, history: true }).open();
    try {
      await httpSnapshots.filled(view);
    } finally {
      replica.release(view, engine.monotonic());
    }
    return view.id;
  }
}

/** The rows' own texts are used as they are. */
function bodyOf(
  epoch: string,
  { channel, completeThrough, asOfMs, completeFrom, rows, next }: HistoryPage,
  feed: string | undefined,
): string {
  const { name, key, columns } = channel;
  const head = JSON.stringify({
    channel: name,
    epoch,
    complete_through: completeThrough,
    ...(asOfMs !== undefined && { as_of_unix_ms: asOfMs }),
    complete_from: completeFrom,
    key,
    columns,
    seqs: rows.map(({ seq }) => seq),
    ...(feed !== undefined && { feed }),
    next: next === undefined ? null : cursorText({ asOf: completeThrough, place: next }),
  });
  return `${head.slice(0, -1)},"rows":[${rows.map(({ json }) => json).join(",")}]}`;
}

interface Cursor {
  /** The seq of the page before; undefined for a row, which may be of any. */
  readonly asOf?: number;
  readonly place: PagePlace;
}

function cursorText({ asOf, place: { key, row } }: Required<Cursor>): string {
  return Buffer.from(JSON.stringify([asOf, key, row])).toString("base64url");
}

function afterOf(input: unknown): Cursor | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input === "object") {
    const { key, row } = input as { readonly key?: unknown; readonly row?: unknown };
    if (typeof key === "string" && isRow(row)) return { place: { key, row } };
  } else {
    const [asOf, key, row] = partsOf(String(input));
    if (Number.isSafeInteger(asOf) && typeof key === "string" && isRow(row))
      return { asOf: asOf as number, place: { key, row } };
  }
  throw new TidemarkError(
    "BAD_MESSAGE",
    "after is the `next` of a page of history, or {key, row} with the columns of order_by.",
  );
}

function partsOf(text: string): readonly unknown[] {
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    return Array.isArray(parts) ? parts : [];
  } catch {
    return [];
  }
}

function isRow(input: unknown): input is Row {
  return typeof input === "object" && input !== null && !Array.isArray(input);
}

function momentOf(input: unknown): Moment | undefined {
  if (input === undefined || input === null) return undefined;
  if (typeof input === "number") return { seq: seqOf(input, "as_of") as number };
  const timeMs = typeof input === "string" ? Date.parse(input) : Number.NaN;
  if (!Number.isNaN(timeMs)) return { timeMs };
  throw new TidemarkError("BAD_MESSAGE", "as_of is a seq, or a time as ISO 8601.");
}

function seqOf(input: unknown, name: string): number | undefined {
  if (input === undefined || input === null) return undefined;
  if (Number.isSafeInteger(input) && (input as number) >= 0) return input as number;
  throw new TidemarkError("BAD_MESSAGE", `${name} is a whole number of at least 0.`);
}

function jsonParameter(request: ConnectionRequest, name: string): unknown {
  const text = parameter(request, name);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TidemarkError("BAD_QUERY", `Bad query: ${name} is not JSON.`, { cause });
  }
}

function noHistory(channel: string): TidemarkError {
  return new TidemarkError("NO_HISTORY", `Channel "${channel}" keeps no history.`);
}

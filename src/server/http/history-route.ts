/**
 * `GET /history`: the rows of a channel as of one seq, page by page, from the live edge back to the
 * oldest row that the store keeps. `POST` takes the same as JSON, with credentials in the body.
 */
import { TidemarkError } from "../../std/errors.ts";
import type { HistoryPage, HistoryRequest, Moment } from "../../history/reader.ts";
import type { PagePlace } from "../../history/history.ts";
import { parseQuery } from "../../protocol/parse-query.ts";
import type { Row } from "../../protocol/row.ts";
import { unknownChannel } from "../../table/unknown-channel.ts";
import type { Engine } from "../engine.ts";
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
  /** `next` of the page before. */
  readonly after?: unknown;
  readonly auth?: unknown;
}

const BODY_SHAPE =
  "The body is a JSON object: {query: {channel, where?, order_by?, columns?, limit?}, as_of?, before_seq?, after?, auth?}.";

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
    const page = await engine.history.reader.page({
      query,
      policy,
      asOf: momentOf(asked.as_of) ?? (after && { seq: after.asOf }),
      beforeSeq: seqOf(asked.before_seq, "before_seq"),
      after: after?.place,
    } satisfies HistoryRequest);
    // Rights and channels may have changed while the store was read.
    const now = engine.policies.viewFor(identity, query).where;
    if (JSON.stringify(now) !== JSON.stringify(policy)) throw unknownChannel(query.channel);
    return {
      status: 200,
      headers: {
        "Content-Type": "application/json; charset=utf-8",
        "Cache-Control": "private, no-store",
      },
      body: bodyOf(engine.replica.epoch, page),
    };
  }
}

/** The rows' own texts are used as they are. */
function bodyOf(epoch: string, { channel, completeThrough, rows, next }: HistoryPage): string {
  const { name, key, columns } = channel;
  const head = JSON.stringify({
    channel: name,
    epoch,
    complete_through: completeThrough,
    key,
    columns,
    seqs: rows.map(({ seq }) => seq),
    next: next === undefined ? null : cursorText({ asOf: completeThrough, place: next }),
  });
  return `${head.slice(0, -1)},"rows":[${rows.map(({ json }) => json).join(",")}]}`;
}

interface Cursor {
  readonly asOf: number;
  readonly place: PagePlace;
}

function cursorText({ asOf, place: { key, row } }: Cursor): string {
  return Buffer.from(JSON.stringify([asOf, key, row])).toString("base64url");
}

function afterOf(text: unknown): Cursor | undefined {
  if (text === undefined || text === null) return undefined;
  try {
    const [asOf, key, row] = JSON.parse(
      Buffer.from(String(text), "base64url").toString(),
    ) as readonly unknown[];
    if (Number.isSafeInteger(asOf) && typeof key === "string" && isPlainRow(row))
      return { asOf: asOf as number, place: { key, row } };
  } catch {
    // Not a cursor.
  }
  throw new TidemarkError("BAD_MESSAGE", "after is not the `next` of a page of history.");
}

function isPlainRow(input: unknown): input is Row {
  return (
    typeof input === "object" &&
    input !== null &&
    Object.values(input).every((value) => value === null || typeof value !== "object")
  );
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

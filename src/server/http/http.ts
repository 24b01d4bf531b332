/** The HTTP routes, as one Hono app. What they answer is decided elsewhere; this maps it to HTTP. */
import { Hono, type Context } from "hono";
import type { HttpBindings } from "@hono/node-server";
import { serveStatic } from "@hono/node-server/serve-static";
import type { Clock } from "../../std/clock.ts";
import { failureOf, MutationError } from "../../protocol/mutation-error.ts";
import { compileWhere } from "../../protocol/where.ts";
import { TidemarkError, type ErrorCode } from "../../std/errors.ts";
import { whereContextOf } from "../../table/channel.ts";
import { policyFor, type Access } from "../session/access.ts";
import { parseChannels } from "./bootstrap.ts";
import type { Engine } from "../engine.ts";
import { addCarriers } from "./http-carriers.ts";
import { addMutations } from "./http-mutations.ts";
import type { Metrics } from "../observe/metrics.ts";
import { connectionRequest } from "./websocket.ts";

/** Paths that can be renamed. Those under `base` are relative to it. */
export interface Paths {
  readonly base: string;
  readonly snapshot: string;
  readonly rows: string;
  readonly stream: string;
  /** Server-sent events; what a client says goes to `up`. */
  readonly sse: string;
  readonly up: string;
  /** Polls. */
  readonly changes: string;
  readonly mutations: string;
  /** Where the writes of other endpoints have landed. */
  readonly landed: string;
}

export const PATHS: Paths = { base: "/v2", snapshot: "/snapshot", rows: "/rows", stream: "/stream", sse: "/sse", up: "/up", changes: "/changes", mutations: "/mutations", landed: "/landed" };

export interface HttpOptions {
  readonly access: Access;
  readonly paths: Paths;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly canConnect: () => boolean;
  readonly metrics: Metrics;
  readonly isReady: () => boolean;
  readonly stats: () => unknown;
  /** A folder of static files to serve at `/`, with its `index.html`. */
  readonly assets: string | undefined;
  readonly onInternalError: (error: Error) => void;
}

type Env = { Bindings: HttpBindings };

const CHANNELS_PER_REQUEST_MAX = 100;
const STATUS: Partial<Record<ErrorCode, 401 | 403 | 404 | 409 | 500 | 503>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  FORBIDDEN_ORIGIN: 403,
  UNKNOWN_CHANNEL: 404,
  UNKNOWN_ROW: 404,
  UNKNOWN_SESSION: 404,
  UNKNOWN_MUTATION: 404,
  STALE_WRITE: 409,
  MUTATION_CONFLICT: 409,
  MUTATION_FAILED: 500,
  NOT_READY: 503,
  SOURCE_DOWN: 503,
  LOG_FULL: 503,
  TOO_MANY_VIEWS: 503,
  VIEW_TOO_LARGE: 503,
  INTERNAL: 500,
};

export function createHttp(options: HttpOptions): Hono<Env> {
  const { access, paths, engine, clock, canConnect, metrics } = options;
  const { bootstrap, replica, policies } = engine;
  const app = new Hono<Env>();
  guard(app, options);
  const identify = (context: Context<Env>, auth?: unknown): Promise<unknown> =>
    access.identify(connectionRequest(context.env.incoming), auth);

  app.get(paths.base + paths.snapshot, async (context) => {
    const identity = await identify(context);
    const answer = bootstrap.answer({
      channels: parseChannels(context.req.query("channels"), CHANNELS_PER_REQUEST_MAX),
      identity,
      sinceSeq: parseSeq(context.req.query("since_seq")),
      cursor: context.req.query("cursor"),
      ifNoneMatch: context.req.header("if-none-match"),
    });
    context.header("ETag", `"${answer.revision}"`);
    context.header("Cache-Control", "private, no-cache");
    context.header("Vary", "Origin, Authorization, Cookie");
    if (answer.kind === "unchanged") return context.body(null, 304);
    context.header("Content-Type", "application/json; charset=utf-8");
    return context.body(answer.body as Uint8Array<ArrayBuffer>);
  });

  app.get(`${paths.base}${paths.rows}/:channel/:key`, async (context) => {
    const { channel, key } = context.req.param();
    const where = policyFor(policies.get(channel), await identify(context), channel);
    const table = replica.table(channel);
    if (table === undefined) throw new TidemarkError("UNKNOWN_CHANNEL", `There is no channel "${channel}" here.`);
    const node = table.rows.get(key);
    const isVisible = where === undefined || (node !== undefined && compileWhere(where, whereContextOf(table.channel))(node.row));
    if (node === undefined || !isVisible) throw new TidemarkError("UNKNOWN_ROW", `Channel "${channel}" holds no row "${key}".`);
    context.header("Cache-Control", "no-cache");
    return context.json({ epoch: replica.epoch, as_of_seq: replica.seq, seq: node.seq, committed_unix_ms: node.timeMs, row: node.row });
  });

  addMutations(app, { engine, paths, identify });
  addCarriers(app, { engine, clock, paths, canConnect });

  app.get("/stats", async (context) => {
    await identify(context);
    return context.json(options.stats() as object);
  });
  app.get("/metrics", async (context) => context.text(await metrics.text(), 200, { "Content-Type": metrics.contentType }));
  app.get("/healthz", (context) => context.text("ok\n"));
  app.get("/readyz", (context) => (options.isReady() ? context.text("ready\n") : context.text("starting\n", 503)));
  if (options.assets !== undefined) {
    const root = options.assets;
    app.use("/assets/*", async (context, next) => {
      await next();
      // Their names carry a hash of their content.
      if (context.res.ok) context.header("Cache-Control", "public, max-age=31536000, immutable");
    });
    app.get("*", serveStatic({ root }));
  }
  return app;
}

/** What comes before every route: who may ask at all, CORS, whether there is anything to answer yet. */
function guard(app: Hono<Env>, { access, paths, isReady, onInternalError }: HttpOptions): void {
  app.onError((error, context) => answerError(error, context, onInternalError));
  app.use(async (context, next) => {
    const refusal = access.refusal(context.env.incoming.headers);
    if (refusal !== undefined) throw refusal;
    const origin = access.corsOrigin(context.req.header("origin"));
    if (origin !== undefined) {
      context.header("Access-Control-Allow-Origin", origin);
      context.header("Access-Control-Allow-Headers", "authorization, content-type, if-none-match, last-event-id");
      context.header("Access-Control-Expose-Headers", "etag");
      context.header("Vary", "Origin");
      if (context.req.method === "OPTIONS") context.header("Access-Control-Allow-Methods", "GET, POST");
      if (context.req.method === "OPTIONS") return context.body(null, 204);
    }
    return next();
  });

  app.use(`${paths.base}/*`, (_context, next) => {
    if (!isReady()) throw new TidemarkError("NOT_READY", "The server is starting, or stopping. Try again.");
    return next();
  });
}

function answerError(error: Error, context: Context, onInternalError: (error: Error) => void): Response {
  if (error instanceof MutationError) return context.json({ ...failureOf(error), retryable: false }, STATUS[error.code as ErrorCode] ?? 400);
  const known = error instanceof TidemarkError;
  if (!known) onInternalError(error);
  const code: ErrorCode = known ? error.code : "INTERNAL";
  const message = known ? error.message : "The server failed to answer; its log has the cause.";
  const status = STATUS[code] ?? 400;
  return context.json({ code, message, retryable: known && error.retryable }, status);
}

function parseSeq(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new TidemarkError("BAD_MESSAGE", "since_seq is a whole number of at least 0.");
}

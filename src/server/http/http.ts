/**
 * The HTTP routes, as one Hono app. `routes.ts` and `stream-routes.ts` decide the answers; this
 * maps them to HTTP.
 */
import type { ServerResponse } from "node:http";
import { Hono, type Context } from "hono";
import type { HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Clock } from "../../std/clock.ts";
import { TidemarkError, type ErrorCode } from "../../std/errors.ts";
import { CLOSE } from "../../protocol/close-codes.ts";
import { PAGE_REPORT_BYTES_MAX, PROTOCOL_LIMITS } from "../../protocol/limits.ts";
import type { Engine } from "../engine.ts";
import type { Ingest } from "../ingest/ingest.ts";
import type { Answers } from "./answers.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Telemetry } from "../observe/telemetry.ts";
import type { Identity } from "../policies.ts";
import type { Access } from "../session/access.ts";
import type { ConnectionRequest, Dialect } from "../turn/dialect.ts";
import type { Session } from "../turn/session.ts";
import { responseSink } from "./http-stream.ts";
import type { Paths } from "../../protocol/paths.ts";
import { statsFor, statsOf } from "../observe/register-metrics.ts";
import type { Refusals } from "./refusals.ts";
import { errorReply, INTERNAL_REPLY, jsonReply, type Reply } from "./reply.ts";
import { HistoryRoute } from "./history-route.ts";
import { IngestRoute } from "./ingest-route.ts";
import { Routes } from "./routes.ts";
import { addAssets } from "./static-assets.ts";
import { TelemetryRoute } from "./telemetry-route.ts";
import { StreamRoutes, type OpenBody } from "./stream-routes.ts";
import { connectionRequest } from "./websocket.ts";

export interface HttpOptions {
  readonly access: Access;
  readonly refusals: Refusals;
  readonly paths: Paths;
  /** Besides our own protocol. */
  readonly dialects: readonly Dialect[];
  readonly engine: Engine;
  readonly ingest: Ingest;
  readonly clock: Clock;
  readonly canConnect: () => boolean;
  readonly answers: Answers;
  readonly metrics: Metrics;
  /** Undefined where the server takes no reports of pages. */
  readonly telemetry: Telemetry | undefined;
  readonly isReady: () => boolean;
  readonly isOperator: (identity: Identity) => boolean;
  /** A folder of static files to serve at `/`, with its `index.html`. */
  readonly assets: string | undefined;
  readonly onInternalError: (error: Error) => void;
}

type Env = { Bindings: HttpBindings };

export function createHttp(options: HttpOptions): Hono<Env> {
  const { access, paths, engine } = options;
  const app = new Hono<Env>();
  guard(app, options);
  const routes = new Routes({ engine, access });
  const { base } = paths;
  // Snapshots are large, so they count as connections. Requests that continue a session, or write,
  // are always admitted.
  app.use(base + paths.snapshot, (context, next) => {
    const { incoming, outgoing } = context.env;
    if (!options.canConnect()) throw full();
    options.answers.watch(outgoing as ServerResponse, incoming.socket);
    return next();
  });
  app.get(base + paths.snapshot, async (context) =>
    answer(context, await routes.snapshot(requestOf(context))),
  );
  app.get(`${base}${paths.channels}/:channel`, async (context) =>
    answer(context, await routes.channel(requestOf(context), context.req.param("channel"))),
  );
  app.get(`${base}${paths.rows}/:channel/:key`, async (context) => {
    const { channel, key } = context.req.param();
    return answer(context, await routes.row(requestOf(context), channel, key));
  });
  app.post(`${base}${paths.mutations}/:name`, async (context) =>
    answer(
      context,
      await routes.mutation(requestOf(context), context.req.param("name"), await bodyOf(context)),
    ),
  );
  app.post(base + paths.visible, async (context) =>
    answer(context, await routes.visible(requestOf(context), await bodyOf(context))),
  );
  const history = new HistoryRoute({ engine, access });
  app.get(base + paths.history, async (context) =>
    answer(context, await history.get(requestOf(context))),
  );
  app.post(base + paths.history, async (context) =>
    answer(context, await history.post(requestOf(context), await bodyOf(context))),
  );
  const ingest = new IngestRoute(options);
  app.post(`${base}${paths.ingest}/:channel`, async (context) =>
    answer(
      context,
      await ingest.post(requestOf(context), context.req.param("channel"), context.env.incoming),
    ),
  );
  addTelemetry(app, options);
  addStreams(app, options);
  addOperations(app, options);
  if (options.assets !== undefined) addAssets(app, options.assets);
  return app;
}

/** Without the option there is no such route. */
function addTelemetry(app: Hono<Env>, { engine, paths, telemetry }: HttpOptions): void {
  if (telemetry === undefined) return;
  const route = new TelemetryRoute({ telemetry, tokens: engine.tokens });
  app.post(paths.base + paths.telemetry, async (context) =>
    answer(
      context,
      await route.post(requestOf(context), () =>
        bodyOf(context, PAGE_REPORT_BYTES_MAX, "TELEMETRY_TOO_LARGE"),
      ),
    ),
  );
}

/**
 * Operators see everything that the server reports of itself; others see only the channels that
 * they may see.
 */
function addOperations(
  app: Hono<Env>,
  { access, engine, metrics, paths, isReady, isOperator }: HttpOptions,
): void {
  app.get(paths.stats, async (context) => {
    const identity = await access.identify(requestOf(context), undefined);
    const stats = isOperator(identity) === true ? statsOf(engine) : statsFor(engine, identity);
    return answer(context, jsonReply({ ...stats, is_ready: isReady() }));
  });
  app.get(paths.metrics, async (context) => {
    const identity = await access.identify(requestOf(context), undefined);
    if (isOperator(identity) !== true)
      throw new TidemarkError(
        "FORBIDDEN",
        "Metrics are for operators. Let isOperator return true for this identity, or use operatorPort.",
      );
    return answer(context, {
      status: 200,
      headers: { "Content-Type": metrics.contentType },
      body: await metrics.text(),
    });
  });
  app.get(paths.healthz, (context) => context.text("ok\n"));
  app.get(paths.readyz, (context) =>
    isReady() ? context.text("ready\n") : context.text("starting\n", 503),
  );
}

/** The same routes for a port that only operators reach. */
export function createOperatorHttp(options: HttpOptions): Hono<Env> {
  const app = new Hono<Env>();
  guard(app, options);
  addOperations(app, options);
  return app;
}

function addStreams(app: Hono<Env>, options: HttpOptions): void {
  const { engine, clock, paths, dialects } = options;
  const routes = new StreamRoutes({ engine, clock });
  const stream = streamOf(options);
  app.get(paths.base + paths.sse, (context) =>
    stream(context, (open) => routes.events(requestOf(context), open)),
  );
  app.get(paths.base + paths.changes, (context) =>
    stream(context, (open) => routes.poll(requestOf(context), undefined, open)),
  );
  app.post(paths.base + paths.changes, async (context) => {
    const body = await bodyOf(context);
    return stream(context, (open) => routes.poll(requestOf(context), body, open));
  });
  app.post(paths.base + paths.up, async (context) => {
    await routes.up(requestOf(context), () => bodyOf(context));
    return context.body(null, 204);
  });
  for (const dialect of dialects) {
    if (dialect.carrier !== "websocket")
      app.get(dialect.path, (context) =>
        stream(context, (open) => routes.dialect(requestOf(context), dialect, open)),
      );
  }
}

type BeginSession = (open: OpenBody) => Session;

/** What answers a request with a body that a session writes for as long as it is open. */
function streamOf({
  engine,
  clock,
  canConnect,
  answers,
  onInternalError,
}: HttpOptions): (context: Context<Env>, begin: BeginSession) => Response {
  const { gateway } = engine;
  return (context, begin) => {
    const { incoming, outgoing } = context.env;
    const response = outgoing as ServerResponse;
    const { socket } = incoming;
    let session: Session | undefined;
    let isGone = false;
    // A pipelined answer that waits for an earlier one gets no event when its connection closes.
    const gone = (): void => {
      isGone = true;
      socket.off("close", gone);
      if (session !== undefined) gateway.disconnected(session, CLOSE.goingAway);
    };
    const open: OpenBody = (type, isLazy = false) => {
      // The answer counts as a session from here on.
      answers.release(response, socket);
      if (!canConnect()) throw full();
      response.once("close", gone);
      socket.once("close", gone);
      const head = (): void => {
        if (response.headersSent) return;
        // The head includes the headers for CORS. Proxies must neither store nor change the stream.
        response.writeHead(200, {
          ...Object.fromEntries(context.res.headers),
          "Content-Type": type,
          "Cache-Control": "private, no-store, no-transform",
          Vary: VARY,
          "X-Accel-Buffering": "no",
        });
        response.flushHeaders();
      };
      if (!isLazy) head();
      return responseSink(response, clock, engine.limits.closeGraceMs, head);
    };
    try {
      session = begin(open);
    } catch (error) {
      if (!response.headersSent) throw error;
      onInternalError(error as Error);
      response.destroy();
      return RESPONSE_ALREADY_SENT;
    }
    if (isGone || socket.destroyed) gone();
    return RESPONSE_ALREADY_SENT;
  };
}

/**
 * Runs before every route: checks Origin and Host, sets CORS headers, and refuses requests until
 * the server is ready.
 */
function guard(
  app: Hono<Env>,
  { access, refusals, paths, dialects, isReady, onInternalError }: HttpOptions,
): void {
  app.onError((error, context) => {
    const reply = errorReply(error);
    if (reply === undefined) onInternalError(error);
    return answer(context, reply ?? INTERNAL_REPLY);
  });
  app.use(async (context, next) => {
    const { headers } = context.env.incoming;
    const refusal = access.refusal(headers);
    if (refusal !== undefined) {
      refusals.note(refusal);
      const reader = access.corsOriginOfRefusal(headers);
      if (reader !== undefined) context.header("Access-Control-Allow-Origin", reader);
      throw refusal;
    }
    const origin = access.corsOrigin(headers);
    if (origin !== undefined) {
      context.header("Access-Control-Allow-Origin", origin);
      context.header(
        "Access-Control-Allow-Headers",
        "authorization, content-type, idempotency-key, if-none-match, last-event-id",
      );
      context.header("Access-Control-Expose-Headers", "etag, retry-after");
      if (context.req.method === "OPTIONS")
        context.header("Access-Control-Allow-Methods", "GET, POST");
      if (context.req.method === "OPTIONS") return context.body(null, 204);
    }
    return next();
  });
  for (const path of [`${paths.base}/*`, ...dialects.map((dialect) => dialect.path)]) {
    app.use(path, (_context, next) => {
      if (!isReady())
        throw new TidemarkError("NOT_READY", "The server is starting, or stopping. Try again.");
      return next();
    });
  }
}

function full(): TidemarkError {
  return new TidemarkError("NOT_READY", "The server takes no more connections at the moment.");
}

/** The request headers that answers depend on. */
const VARY = "Origin, Authorization, Cookie";

/** By default no cache may store an answer; a route may allow it. */
function answer(context: Context, { status, headers, body }: Reply): Response {
  context.header("Cache-Control", "private, no-store");
  context.header("Vary", VARY);
  for (const [name, value] of Object.entries(headers)) context.header(name, value);
  return context.body(body as Uint8Array<ArrayBuffer>, status as 200);
}

function requestOf(context: Context<Env>): ConnectionRequest {
  return connectionRequest(context.env.incoming);
}

/**
 * Refuses a body that is too large or has no Content-Length before it reads any of it.
 * @throws TidemarkError with the code
 */
async function bodyOf(
  context: Context<Env>,
  bytesMax: number = PROTOCOL_LIMITS.clientFrameBytesMax,
  code: ErrorCode = "BAD_MESSAGE",
): Promise<string> {
  const declared = Number(context.req.header("content-length") ?? Number.NaN);
  if (!(declared <= bytesMax))
    throw new TidemarkError(
      code,
      `A body must have a Content-Length and at most ${bytesMax} bytes.`,
    );
  return context.req.text();
}

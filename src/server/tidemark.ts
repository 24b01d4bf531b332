/**
 * The composition root: an engine over a log, the program's own channels, its sources, and the HTTP
 * entry points.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { pino, type Logger } from "pino";
import { holdOpen, systemClock, type Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { systemRandom } from "../std/random.ts";
import type { HistoryHost } from "../history/history-host.ts";
import type { Log } from "../log/log.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { ChannelWrites, Writer } from "../sources/writer.ts";
import type { Channels, TransactionHandle } from "./channel.ts";
import { createIngest } from "./create-ingest.ts";
import { Engine } from "./engine.ts";
import { Answers } from "./http/answers.ts";
import { appendFirst } from "./first-commit.ts";
import { checkDialects } from "./http/dialect-paths.ts";
import { createHttp, createOperatorHttp, type HttpOptions } from "./http/http.ts";
import { HttpEndpoint, listenerOf } from "./http/http-endpoint.ts";
import { mountAlone, mountBeside } from "./http/mount.ts";
import { isLoopback, LOOPBACK, OwnServers } from "./http/own-servers.ts";
import { pathsOf } from "./http/paths.ts";
import { Refusals } from "./http/refusals.ts";
import { WebSocketEndpoint } from "./http/websocket.ts";
import type { Ingest } from "./ingest/ingest.ts";
import { checkLimitGroups } from "./limit-groups.ts";
import { createLog, createReplays, engineOptionsOf, liveTables } from "./log-and-history.ts";
import { MEMORY } from "./mutations/memory-writer.ts";
import { mutationsByName } from "./mutations/mutation.ts";
import { Metrics } from "./observe/metrics.ts";
import { registerAll } from "./observe/register-all.ts";
import { statsOf } from "./observe/register-metrics.ts";
import type {
  AttachOptions,
  Listening,
  ListenOptions,
  OpenTransaction,
  TidemarkOptions,
} from "./options.ts";
import { declarationsOf, OwnChannels, type ChannelHandle } from "./own-channels.ts";
import { checkNames } from "./policy-names.ts";
import type { Identity } from "./policies.ts";
import type { Replays } from "./replay/replays.ts";
import { Access } from "./session/access.ts";

export class Tidemark<C extends Channels = Channels, Caller = Identity> {
  readonly #options: TidemarkOptions<C>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #engine: Engine;
  readonly #metrics = new Metrics();
  readonly #writers: ReadonlyMap<string, Writer>;
  readonly #own: OwnChannels<C>;
  readonly #log: Log;
  readonly #history: HistoryHost | undefined;
  readonly #ingest: Ingest;
  readonly #telemetry: ReturnType<typeof registerAll>;
  /** Resolves when the log holds the declarations of the program's channels. */
  readonly #declared: Promise<unknown>;
  /** Undefined without a history store. */
  readonly #replays: Replays | undefined;
  readonly #answers: Answers;
  readonly #refusals = new Refusals((message) => this.#logger.warn(message));
  readonly #servers = new OwnServers();
  /** The endpoint for applications, made on first use. */
  #endpoint: HttpEndpoint | undefined;
  #started: Promise<void> | undefined;
  #isReady = false;
  #isStopped = false;

  constructor(typed: TidemarkOptions<C, Caller> = {}) {
    // The compiler has checked that policies and handlers accept the identity's type; from here on
    // it is `unknown`.
    const options = typed as unknown as TidemarkOptions<C>;
    const { authenticate, channels, sources = [] } = options;
    const random = options.random ?? systemRandom;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? pino({ name: "tidemark" }, pino.destination(2));
    this.#writers = new Map(
      sources.flatMap(({ name, writer }) =>
        writer === undefined ? [] : [[name, writer] as const],
      ),
    );
    checkLimitGroups(options.limits);
    const declares = declarationsOf(channels);
    const parts = { clock: this.#clock, random, logger: this.#logger };
    const { log, history } = createLog(options, declares, parts);
    this.#log = log;
    this.#history = history;
    this.#own = new OwnChannels({
      channels,
      declarations: declares,
      log,
      nodeId: random.id(8),
      history: history && {
        open: () => this.#openHistory(),
        admit: (name) => history.writer.admit(name),
      },
    });
    // Declares the channels before anything is written to them; `start` rejects if that failed.
    this.#declared = appendFirst(log, declares, options.limits);
    this.#declared.catch(() => {});
    this.#engine = new Engine({
      log,
      declares,
      ...engineOptionsOf(history, channels),
      clock: this.#clock,
      random,
      logger: this.#logger,
      access: new Access({ authenticate, allowedOrigins: options.allowedOrigins }),
      observer: this.#metrics,
      secret: options.sessionSecret,
      identityKey: options.identityKey,
      isOperator: options.isOperator ?? (() => authenticate === undefined),
      limits: options.limits,
      dialects: checkDialects(options.dialects, pathsOf(options.paths)),
      catalog: options.catalog,
      mutations: {
        definitions: mutationsByName(options.mutations ?? {}),
        writers: this.#writers,
        writeChannels: (fill, expect) =>
          this.#own.transact(
            (write) => fill(write as unknown as ChannelWrites),
            this.#engine.limits,
            expect && { source: MEMORY, ...expect },
          ),
      },
    });
    this.#replays = history && createReplays(options, { ...parts, history, live: this.#engine });
    this.#answers = new Answers(this.#clock, this.#engine.limits.silenceMsMax);
    const ofIngest = { engine: this.#engine, own: this.#own, declares, history, ...parts };
    this.#ingest = createIngest(options, ofIngest);
    this.#telemetry = registerAll(this.#metrics, { ...ofIngest, ingest: this.#ingest }, options);
    this.#setPolicies();
  }

  /** The identity of the history that the tables are in. */
  get epoch(): string {
    return this.#log.epoch;
  }

  /** Starts the sources and the clocks. Called by `listen`; call it yourself with `attach`. */
  start(): Promise<void> {
    if (this.#started !== undefined) return this.#started;
    // Until there is a port, nothing else would: a source may wait for its database meanwhile.
    const release = holdOpen();
    this.#started = this.#start().finally(release);
    return this.#started;
  }

  /** A channel declared in `channels`. @throws TidemarkError `UNKNOWN_CHANNEL` */
  channel<N extends keyof C & string>(name: N): ChannelHandle<RowOf<C[N]>> {
    return this.#own.handle(name, this.#engine.replica, this.#engine.limits);
  }

  /**
   * One commit over several channels: clients see all of it or nothing. Returns its seq.
   * @throws TidemarkError `BAD_ROW`, `UNKNOWN_CHANNEL` before anything is written, `LOG_FULL`,
   * `STOPPED`
   */
  transact(fill: (transaction: TransactionHandle<C>) => void): Promise<number> {
    return this.#own.transact(fill, this.#engine.limits);
  }

  /**
   * Resolves when the history store holds everything up to `seq`, which survives a crash then; at
   * once without a store. @throws TidemarkError `STOPPED` when the server stops before
   */
  async durable(seq: number): Promise<void> {
    await this.#openHistory();
    await this.#history?.writer.durable(seq);
  }

  /**
   * Starts, and serves on a port of its own.
   * @throws TidemarkError `PORT_IN_USE`, `PUBLIC_BIND`, and the errors of a source's start
   */
  async listen({
    port = 8080,
    host = LOOPBACK,
    operatorPort,
    allowPublic = false,
  }: ListenOptions = {}): Promise<Listening> {
    if (!isLoopback(host) && this.#options.authenticate === undefined && !allowPublic) {
      throw new TidemarkError(
        "PUBLIC_BIND",
        `On ${host} everyone who can reach this address can read every channel. Pass authenticate, or allow it (allowPublic, --allow-public).`,
      );
    }
    await this.start();
    const server = createServer();
    mountAlone(server, this.#createEndpoint(host, this.#options.assets));
    const bound = await this.#servers.bind(server, host, port);
    const shown = host === "0.0.0.0" || host === "::" || isLoopback(host) ? "localhost" : host;
    const operatorUrl =
      operatorPort === undefined ? undefined : (await this.listenForOperators(operatorPort)).url;
    return {
      url: `http://${shown}:${bound}`,
      port: bound,
      ...(operatorUrl !== undefined && { operatorUrl }),
    };
  }

  /**
   * Serves `/metrics`, all of `/stats`, `/healthz` and `/readyz` without authentication, on a port
   * of 127.0.0.1 that only operators reach. `listen({ operatorPort })` does it too. @throws
   * TidemarkError `PORT_IN_USE`
   */
  async listenForOperators(port = 0): Promise<Listening> {
    const app = createOperatorHttp({
      ...this.#httpOptions(new Access({ host: LOOPBACK }), undefined),
      isOperator: () => true,
    });
    const bound = await this.#servers.bind(createServer(listenerOf(app)), LOOPBACK, port);
    return { url: `http://localhost:${bound}`, port: bound };
  }

  /**
   * Serves on an application's server. Requests and upgrades of Tidemark's paths reach only
   * Tidemark, all others reach the application's listeners as before. Call `start()` too: until it
   * resolves, the answers are 503.
   */
  attach(server: Server, options: AttachOptions = {}): void {
    mountBeside(server, this.#sharedEndpoint, options);
  }

  /**
   * Answers a request of a Node server, for applications that do not `attach`. Returns false, and
   * does nothing, for other paths than Tidemark's. Call it before any code reads the body.
   */
  handleRequest(
    request: IncomingMessage,
    response: ServerResponse,
    options: AttachOptions = {},
  ): boolean {
    return this.#sharedEndpoint.handleRequest(request, response, options);
  }

  /**
   * Takes an upgrade of a Node server. Returns false, and leaves the socket alone, for other paths
   * than Tidemark's.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    return this.#sharedEndpoint.handleUpgrade(request, socket, head);
  }

  /**
   * Revokes the rights of an identity, to be called when they have changed: its session ids are
   * refused from now on, and its open sessions identify anew before they get any further frame.
   * Call it on each node. Returns how many sessions of this process ended. @throws TidemarkError
   * `BAD_IDENTITY` for an identity that is not plain JSON data
   */
  revoke(identity: Caller): number {
    return this.#engine.gateway.revoke(identity) + (this.#replays?.revoke(identity) ?? 0);
  }

  /**
   * Names an open transaction of your application. Return the name from your endpoint: the client
   * shows its optimistic rows until its page holds that transaction. `transaction` runs statements
   * in it: an object with `query(text)`, or a function that takes the text and returns the rows.
   * @throws TidemarkError `BAD_OPTION` when no source, or several, take writes and none is named
   */
  async txid(
    transaction: OpenTransaction,
    { source }: { readonly source?: string } = {},
  ): Promise<string> {
    const [found, ...others] = [...this.#writers].filter(
      ([name, { txid }]) => txid !== undefined && (source === undefined || name === source),
    );
    if (found?.[1].txid === undefined || others.length > 0) {
      throw new TidemarkError(
        "BAD_OPTION",
        found === undefined
          ? "No such source takes writes."
          : `Several sources take writes; name one of ${[...this.#writers.keys()].join(", ")}.`,
      );
    }
    return `${found[0]}:${await found[1].txid(transaction)}`;
  }

  /** The content of `/stats` for operators. */
  stats(): Record<string, unknown> {
    return { ...statsOf(this.#engine), is_ready: this.#isServing };
  }

  /** Sends clients away, closes sources, and servers that `listen` opened. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isReady = false;
    await Promise.all([this.#replays?.stop(), this.#engine.gateway.drain()]);
    await Promise.all((this.#options.sources ?? []).map((source) => source.stop()));
    // The tables follow until the store has what is derived from the last rows.
    await this.#history?.stop(this.#engine.limits.drainMsMax);
    this.#engine.stop();
    if (this.#options.log === undefined) this.#log.close();
    await this.#servers.close();
  }

  async #start(): Promise<void> {
    await this.#openHistory();
    await Promise.all([this.#declared, this.#engine.start()]);
    this.#history?.start();
    await Promise.all(
      (this.#options.sources ?? []).map((source) => source.start(this.#engine.contextFor(source))),
    );
    // The sources' declarations and copies are in the log; they are served when the tables hold
    // them.
    const { follower } = this.#engine;
    await follower.reached(follower.head);
    checkNames(this.#options, this.#engine.replica);
    this.#isReady = true;
  }

  async #openHistory(): Promise<void> {
    await this.#history?.open(this.#log, liveTables(this.#engine.replica));
  }

  #setPolicies(): void {
    for (const [name, policy] of Object.entries(this.#options.policies ?? {}))
      this.#engine.policies.set(name, policy);
    for (const [name, { policy }] of Object.entries(this.#options.channels ?? {})) {
      this.#engine.claim(name);
      if (policy !== undefined) this.#engine.policies.set(name, policy);
    }
  }

  get #sharedEndpoint(): HttpEndpoint {
    this.#endpoint ??= this.#createEndpoint(undefined, undefined);
    return this.#endpoint;
  }

  /**
   * `host` is the bound address, if it is known; `assets` is a folder to serve in addition.
   */
  #createEndpoint(host: string | undefined, assets: string | undefined): HttpEndpoint {
    const { authenticate, allowedOrigins } = this.#options;
    const allowsLoopbackOrigins =
      authenticate === undefined && host !== undefined && isLoopback(host);
    const options = this.#httpOptions(
      new Access({ authenticate, allowedOrigins, host, allowsLoopbackOrigins }),
      assets,
    );
    const { gateway, limits } = this.#engine;
    const webSockets = new WebSocketEndpoint(gateway, this.#clock, limits);
    return new HttpEndpoint({
      ...options,
      app: createHttp(options),
      webSockets,
      replays: this.#replays,
      isStopped: () => this.#isStopped,
    });
  }

  #httpOptions(access: Access, assets: string | undefined): HttpOptions {
    const { dialects = [], paths } = this.#options;
    const { gateway, limits, policies } = this.#engine;
    return {
      access,
      refusals: this.#refusals,
      assets,
      dialects,
      paths: pathsOf(paths),
      engine: this.#engine,
      ingest: this.#ingest,
      clock: this.#clock,
      // Before its channels are declared the server would refuse channels that it serves a little
      // later.
      canConnect: () =>
        this.#isServing &&
        gateway.sessionCount + this.#answers.size < limits.connectionsMax &&
        gateway.canConnect,
      answers: this.#answers,
      isOperator: (identity) => policies.isOperator(identity),
      metrics: this.#metrics,
      telemetry: this.#telemetry,
      isReady: () => this.#isServing,
      onInternalError: (error) => this.#logger.error({ err: error }, "request failed"),
    };
  }

  /** Whether the server has its channels and can answer. */
  get #isServing(): boolean {
    return this.#isReady && !this.#isStopped && this.#engine.follower.isReady;
  }
}

/** Creates a server: declare channels, add sources, then `listen` or `attach`. */
export function createTidemark<C extends Channels = Channels, Caller = undefined>(
  options: TidemarkOptions<C, Caller> = {},
): Tidemark<C, Caller> {
  return new Tidemark(options);
}

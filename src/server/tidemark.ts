/** The composition root: an engine over a log, the program's own channels, its sources, and the HTTP entry points. */
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { pino, type Logger } from "pino";
import { systemClock, type Clock } from "../std/clock.ts";
import { TidemarkError } from "../std/errors.ts";
import { systemRandom, type Random } from "../std/random.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Expectation, Log } from "../log/log.ts";
import { MemoryLog } from "../log/memory.ts";
import type { RowOf } from "../protocol/typed-channel.ts";
import type { Source } from "../sources/source.ts";
import type { ChannelWrites, Writer } from "../sources/writer.ts";
import { Access, type Authenticate } from "./session/access.ts";
import type { Identity, Policy } from "./policies.ts";
import {
  checkRow,
  declarationOf,
  Transaction,
  type Channels,
  type TransactionHandle,
} from "./channel.ts";
import { Engine } from "./engine.ts";
import { Answers } from "./http/answers.ts";
import { createHttp, createOperatorHttp, type HttpOptions } from "./http/http.ts";
import { PATHS, type Paths } from "./http/paths.ts";
import type { Limits } from "./limits.ts";
import { Metrics } from "./observe/metrics.ts";
import { listenerOf, mount } from "./http/mount.ts";
import { MEMORY } from "./mutations/memory-writer.ts";
import { mutationsByName, type Mutations } from "./mutations/mutation.ts";
import { registerMetrics, statsOf } from "./observe/register-metrics.ts";
import { WebSocketEndpoint } from "./http/websocket.ts";
import type { Dialect } from "./turn/dialect.ts";

export interface TidemarkOptions<C extends Channels = Channels, Caller = Identity> {
  /** Channels that this program writes. Sources bring their own. */
  readonly channels?: C & Channels<Caller>;
  readonly sources?: readonly Source[];
  /**
   * Who asks. What it returns types the callers of policies and handlers; write it before them, so that the compiler
   * has seen it. Default: everyone may connect, so bind to an address that only you can reach.
   */
  readonly authenticate?: Authenticate<Caller>;
  /** Policies of channels that sources declare, by name. One that names no channel stops the start. */
  readonly policies?: Readonly<Record<string, Policy<NoInfer<Caller>>>>;
  /**
   * Who an identity is, apart from what it may do, as `({ id }) => id`: the id of a mutation belongs to it, also when
   * its rights change between a write and its retry. Default: the whole identity.
   */
  readonly identityKey?: (caller: NoInfer<Caller>) => unknown;
  /**
   * Who may see `/metrics`, all of `/stats`, and each row of the catalog. Default: everyone where there is no
   * `authenticate`, else nobody; `operatorPort` of `listen` serves both without asking.
   */
  readonly isOperator?: (caller: NoInfer<Caller>) => boolean;
  /** What clients may ask to be written, by name; groups may nest. */
  readonly mutations?: Mutations<NoInfer<Caller>>;
  /** Origins of pages that may connect, besides the server's own. */
  readonly allowedOrigins?: readonly string[];
  /** Signs session ids, and keys the ids of views. Give all nodes of a deployment the same. Default: this process's own. */
  readonly sessionSecret?: string;
  readonly paths?: Partial<Paths>;
  /** Further ways to speak to clients, each on a path of its own. */
  readonly dialects?: readonly Dialect[];
  /** Serve the live table `tidemark.channels`: one row per channel with size, rate and status. */
  readonly catalog?: boolean;
  /** A folder of static files to serve at `/`. */
  readonly assets?: string;
  /** Limits of the server, of views, and of the log in memory. Those that are left out keep their defaults. */
  readonly limits?: Limits;
  /** Where commits are kept in order. Default: in memory, so that every start is a new history. One that is passed is closed by who made it. */
  readonly log?: Log;
  /** Default: pino at level `info` on standard error. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** What runs a statement in a transaction: `pg`'s client, PGlite's transaction, or a function around your library's. */
export type OpenTransaction =
  | { query(text: string): Promise<unknown> }
  | ((text: string) => Promise<unknown>);

export interface ListenOptions {
  /** Default 8080; 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Serve `/metrics`, all of `/stats`, `/healthz` and `/readyz` to whoever reaches this port of 127.0.0.1. 0 takes a free one. */
  readonly operatorPort?: number;
  /** Allow a bind that others can reach although there is no `authenticate`. */
  readonly allowPublic?: boolean;
}

/** Where the server listens. */
export interface Listening {
  readonly url: string;
  readonly port: number;
  /** With `operatorPort`. */
  readonly operatorUrl?: string;
}

const LOOPBACK = "127.0.0.1";

/** Writes to one channel. Every call is one commit and returns its seq. */
export interface ChannelHandle<R> {
  /** @throws TidemarkError `BAD_ROW` before anything is written, `LOG_FULL`, `STOPPED` */
  upsert(rows: R | readonly R[]): Promise<number>;
  remove(keys: string | readonly string[]): Promise<number>;
  get(key: string): R | undefined;
  readonly size: number;
}

export class Tidemark<C extends Channels = Channels, Caller = Identity> {
  readonly #writers: ReadonlyMap<string, Writer>;
  readonly #options: TidemarkOptions<C>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #engine: Engine;
  readonly #metrics: Metrics;
  readonly #declarations = new Map<string, ChannelDeclaration>();
  readonly #servers = new Set<Server>();
  readonly #log: Log;
  /** The program's channels have been declared. */
  readonly #declared: Promise<unknown>;
  readonly #nodeId: string;
  readonly #answers: Answers;
  #writes = 0;
  #started: Promise<void> | undefined;
  #isReady = false;
  #isStopped = false;

  constructor(typed: TidemarkOptions<C, Caller> = {}) {
    // The compiler has checked that everything takes what `authenticate` returns; from here on it is data.
    const options = typed as unknown as TidemarkOptions<C>;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#writers = new Map(
      (options.sources ?? []).flatMap(({ name, writer }) =>
        writer === undefined ? [] : [[name, writer] as const],
      ),
    );
    const random = options.random ?? systemRandom;
    this.#logger = options.logger ?? pino({ name: "tidemark" }, pino.destination(2));
    const log =
      options.log ??
      new MemoryLog({
        clock: this.#clock,
        random,
        ...(options.limits?.log && { limits: options.limits.log }),
      });
    this.#log = log;
    this.#nodeId = random.id(8);
    this.#metrics = new Metrics();
    for (const [name, definition] of Object.entries(options.channels ?? {}))
      this.#declarations.set(name, declarationOf(name, definition));
    const declares = [...this.#declarations.values()];
    // Before anything is written to them; `start` tells whether that has worked.
    this.#declared =
      declares.length === 0 ? Promise.resolve() : log.append({ changes: [], declares });
    this.#declared.catch(() => {});
    this.#engine = new Engine({
      log,
      declares,
      clock: this.#clock,
      random,
      logger: this.#logger,
      access: new Access({
        authenticate: options.authenticate,
        allowedOrigins: options.allowedOrigins,
      }),
      observer: this.#metrics,
      secret: options.sessionSecret,
      identityKey: options.identityKey,
      isOperator: options.isOperator ?? (() => options.authenticate === undefined),
      limits: options.limits,
      dialects: checkDialects(options.dialects, { ...PATHS, ...options.paths }),
      catalog: options.catalog,
      mutations: {
        definitions: mutationsByName(options.mutations ?? {}),
        writers: this.#writers,
        writeChannels: (fill, expect) =>
          this.#transact(
            (write) => fill(write as unknown as ChannelWrites),
            expect && { source: MEMORY, ...expect },
          ),
      },
    });
    this.#answers = new Answers(this.#clock, this.#engine.limits.silenceMsMax);
    registerMetrics(this.#metrics, this.#engine);
    for (const [name, policy] of Object.entries(options.policies ?? {}))
      this.#engine.policies.set(name, policy);
    for (const [name, { policy }] of Object.entries(options.channels ?? {})) {
      this.#engine.claim(name);
      if (policy !== undefined) this.#engine.policies.set(name, policy);
    }
  }

  /** The identity of the history that the tables are in. */
  get epoch(): string {
    return this.#log.epoch;
  }

  /** Starts the sources and the clocks. Called by `listen`; call it yourself with `attach`. */
  start(): Promise<void> {
    this.#started ??= this.#start();
    return this.#started;
  }

  /** A channel declared in `channels`. @throws TidemarkError `UNKNOWN_CHANNEL` */
  channel<N extends keyof C & string>(name: N): ChannelHandle<RowOf<C[N]>> {
    const declaration = this.#own(name);
    const rows = () => this.#engine.replica.table(declaration.name);
    return {
      upsert: (input) => this.transact((transaction) => transaction.upsert(name, input)),
      remove: (keys) => this.transact((transaction) => transaction.remove(name, keys)),
      get: (key) => rows()?.rows.get(key)?.row as RowOf<C[N]> | undefined,
      get size() {
        return rows()?.rows.size ?? 0;
      },
    };
  }

  /**
   * One commit over several channels: clients see all of it or nothing. Returns its seq.
   * @throws TidemarkError `BAD_ROW`, `UNKNOWN_CHANNEL` before anything is written, `LOG_FULL`, `STOPPED`
   */
  transact(fill: (transaction: TransactionHandle<C>) => void): Promise<number> {
    return this.#transact(fill, undefined);
  }

  /** Each commit of the program's channels has its own source position, so that a guarded write can require that no other commit came between. */
  async #transact(
    fill: (transaction: TransactionHandle<C>) => void,
    expect: Expectation | undefined,
  ): Promise<number> {
    const transaction = new Transaction();
    fill({
      upsert: (name, rows) => {
        const declaration = this.#own(name);
        const schema = this.#options.channels?.[name]?.row;
        for (const input of Array.isArray(rows) ? (rows as readonly unknown[]) : [rows]) {
          transaction.upsert(name, checkRow(declaration, schema, this.#engine.limits, input));
        }
      },
      remove: (name, keys) => {
        this.#own(name);
        for (const key of typeof keys === "string" ? [keys] : keys) transaction.remove(name, key);
      },
    });
    return this.#log.append(
      {
        ...transaction.draft(),
        source: MEMORY,
        sourcePosition: `${this.#nodeId}${++this.#writes}`,
      },
      expect,
    );
  }

  /**
   * Starts, and serves on a port of its own.
   * @throws TidemarkError `PORT_IN_USE`, `PUBLIC_BIND`, and what a source's start throws
   */
  async listen({
    port = 8080,
    host = "127.0.0.1",
    operatorPort,
    allowPublic = false,
  }: ListenOptions = {}): Promise<Listening> {
    if (!isLoopback(host) && this.#options.authenticate === undefined && !allowPublic) {
      throw new TidemarkError(
        "PUBLIC_BIND",
        `Binding ${host} shows every channel to whoever can reach it. Pass authenticate, or allow it (allowPublic, --allow-public).`,
      );
    }
    await this.start();
    const server = createServer();
    this.#mount(server, host, undefined);
    const bound = await this.#bind(server, host, port);
    const shown = host === "0.0.0.0" || host === "::" || isLoopback(host) ? "localhost" : host;
    const operations =
      operatorPort === undefined
        ? {}
        : { operatorUrl: `http://localhost:${await this.#listenForOperators(operatorPort)}` };
    return { url: `http://${shown}:${bound}`, port: bound, ...operations };
  }

  /** Serves on an existing server, beside whatever it does already. Call `start()` too: until it is done, 503 is answered. */
  attach(server: Server): void {
    const others = server.listeners("request") as RequestListener[];
    server.removeAllListeners("request");
    this.#mount(server, undefined, (request, response) => {
      for (const listener of others) listener.call(server, request, response);
    });
  }

  /**
   * Revokes what an identity was granted, when its rights have changed: its session ids are refused from now on, and
   * its open sessions identify anew before they are sent anything further. Call it on each node. Returns how many
   * sessions of this process ended. @throws TidemarkError `BAD_IDENTITY` for what is not plain JSON data
   */
  revoke(identity: Caller): number {
    return this.#engine.gateway.revoke(identity);
  }

  /**
   * Names an open transaction of yours. Return the name from your endpoint: the client shows its optimistic rows until
   * its page holds that transaction. `transaction` is what runs statements in it: something with `query(text)`, or a
   * function that takes the text and returns the rows.
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

  /** Sends clients away, closes sources, and servers that `listen` opened. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#isReady = false;
    await this.#engine.gateway.drain();
    this.#engine.stop();
    await Promise.all((this.#options.sources ?? []).map((source) => source.stop()));
    if (this.#options.log === undefined) this.#log.close();
    await Promise.all([...this.#servers].map(closeServer));
  }

  async #start(): Promise<void> {
    await Promise.all([this.#declared, this.#engine.start()]);
    await Promise.all(
      (this.#options.sources ?? []).map((source) => source.start(this.#engine.contextFor(source))),
    );
    // What they declared and copied is in the log; it is served when the tables hold it.
    const { follower } = this.#engine;
    await follower.reached(follower.head);
    this.#checkPolicies();
    this.#isReady = true;
  }

  /** A misspelt name would leave the table open that was meant. */
  #checkPolicies(): void {
    const { replica } = this.#engine;
    for (const name of Object.keys(this.#options.policies ?? {})) {
      if (this.#options.channels?.[name]?.policy !== undefined)
        throw new TidemarkError(
          "BAD_OPTION",
          `Channel "${name}" has a policy in its declaration and another in policies. Keep one.`,
        );
      if (replica.table(name) !== undefined) continue;
      const known = Array.from(replica.tables, ({ channel }) => `"${channel.name}"`)
        .slice(0, 20)
        .join(", ");
      throw new TidemarkError(
        "BAD_OPTION",
        `policies names a channel "${name}" that no source has declared. There are ${known || "none"}.`,
      );
    }
  }

  #own(name: string): ChannelDeclaration {
    const declaration = this.#declarations.get(name);
    if (declaration !== undefined) return declaration;
    throw new TidemarkError("UNKNOWN_CHANNEL", `This program declares no channel "${name}".`);
  }

  #listenForOperators(port: number): Promise<number> {
    const app = createOperatorHttp({
      ...this.#httpOptions(new Access({ host: LOOPBACK })),
      isOperator: () => true,
    });
    const server = createServer(listenerOf(app));
    return this.#bind(server, LOOPBACK, port);
  }

  async #bind(server: Server, host: string, port: number): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) =>
        reject(listenError(cause, host, port)),
      );
      server.listen(port, host, resolve);
    });
    this.#servers.add(server);
    return (server.address() as AddressInfo).port;
  }

  #httpOptions(access: Access): HttpOptions {
    const { dialects = [], assets, paths } = this.#options;
    const { policies } = this.#engine;
    return {
      access,
      assets,
      dialects,
      paths: { ...PATHS, ...paths },
      engine: this.#engine,
      clock: this.#clock,
      // Before its channels are declared it would refuse what it serves a moment later.
      canConnect: () =>
        this.#isServing &&
        this.#engine.gateway.sessionCount + this.#answers.size <
          this.#engine.limits.connectionsMax &&
        this.#engine.gateway.canConnect,
      answers: this.#answers,
      isOperator: (identity) => policies.isOperator(identity),
      metrics: this.#metrics,
      isReady: () => this.#isServing,
      onInternalError: (error) => this.#logger.error({ err: error }, "request failed"),
    };
  }

  #mount(server: Server, host: string | undefined, others: RequestListener | undefined): void {
    const { authenticate, allowedOrigins } = this.#options;
    const options = this.#httpOptions(new Access({ authenticate, allowedOrigins, host }));
    const app = createHttp(others === undefined ? options : { ...options, assets: undefined });
    mount(server, {
      ...options,
      app,
      others,
      endpoint: new WebSocketEndpoint(this.#engine.gateway, this.#clock, this.#engine.limits),
    });
  }

  /** It has what it serves, and may be asked. */
  get #isServing(): boolean {
    return this.#isReady && !this.#isStopped && this.#engine.follower.isReady;
  }

  /** What `/stats` shows to operators. */
  stats(): Record<string, unknown> {
    return { ...statsOf(this.#engine), is_ready: this.#isServing };
  }
}

/** Creates a server: declare channels, add sources, then `listen` or `attach`. */
export function createTidemark<C extends Channels = Channels, Caller = undefined>(
  options: TidemarkOptions<C, Caller> = {},
): Tidemark<C, Caller> {
  return new Tidemark(options);
}

/** @throws TidemarkError `BAD_OPTION` for a path that is none, is ours, or is taken */
function checkDialects(dialects: readonly Dialect[] = [], { base }: Paths): readonly Dialect[] {
  const taken = new Set<string>(["/stats", "/metrics", "/healthz", "/readyz"]);
  for (const { name, path } of dialects) {
    if (!/^\/[^?#\s]+$/.test(path))
      throw new TidemarkError(
        "BAD_OPTION",
        `The path of dialect "${name}" begins with "/", as "/ws/heatmap".`,
      );
    if (taken.has(path) || path.startsWith(`${base}/`))
      throw new TidemarkError("BAD_OPTION", `The path ${path} of dialect "${name}" is taken.`);
    taken.add(path);
  }
  return dialects;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}

function listenError(cause: NodeJS.ErrnoException, host: string, port: number): TidemarkError {
  if (cause.code === "EADDRINUSE") {
    return new TidemarkError(
      "PORT_IN_USE",
      `Port ${port} on ${host} is taken. Choose another (--port, or PORT), or stop what listens there.`,
      { cause },
    );
  }
  return new TidemarkError("BAD_OPTION", `Can't listen on ${host}:${port}: ${cause.message}.`, {
    cause,
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** The options of `createTidemark`, `listen` and `attach`. */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { HistoryStore } from "../history/history.ts";
import type { Log } from "../log/log.ts";
import type { Source } from "../sources/source.ts";
import type { Channels } from "./channel.ts";
import type { OwnGauge } from "./observe/own-gauges.ts";
import type { Paths } from "../protocol/paths.ts";
import type { Limits } from "./limit-groups.ts";
import type { Mutations } from "./mutations/mutation.ts";
import type { Identity, Policy } from "./policies.ts";
import type { Authenticate } from "./session/access.ts";
import type { Dialect } from "./turn/dialect.ts";

export interface TidemarkOptions<C extends Channels = Channels, Caller = Identity> {
  /** Channels that this program writes. Sources bring their own. */
  readonly channels?: C & Channels<Caller>;
  readonly sources?: readonly Source[];
  /**
   * Returns the caller's identity. Its type is the type of `caller` in policies and handlers;
   * write it before them, so that the compiler can infer it. Default: everyone may connect, so
   * bind to an address that only you can reach.
   */
  readonly authenticate?: Authenticate<Caller>;
  /**
   * Policies of channels that sources declare, by name. A policy for an unknown channel stops the
   * start.
   */
  readonly policies?: Readonly<Record<string, Policy<NoInfer<Caller>>>>;
  /**
   * Returns the part of an identity that names the user, without the rights, such as `({ id }) =>
   * id`. A mutation's id belongs to this part, also when the rights change between a write and its
   * retry. Default: the whole identity.
   */
  readonly identityKey?: (caller: NoInfer<Caller>) => unknown;
  /**
   * Whether an identity may see `/metrics`, all of `/stats`, and each row of the catalog. Default:
   * everyone without `authenticate`, else no one; `operatorPort` of `listen` serves both without
   * authentication.
   */
  readonly isOperator?: (caller: NoInfer<Caller>) => boolean;
  /** The mutations that clients may call, by name; groups may nest. */
  readonly mutations?: Mutations<NoInfer<Caller>>;
  /**
   * Origins of pages that may connect, besides the server's own, such as `https://app.example.com`;
   * `*` allows all.
   */
  readonly allowedOrigins?: readonly string[];
  /**
   * Signs session ids, and keys the ids of views. Give all nodes of a deployment the same secret.
   * Default: a random one for this process.
   */
  readonly sessionSecret?: string;
  readonly paths?: Partial<Paths>;
  /** Further dialects for clients, each on a path of its own. */
  readonly dialects?: readonly Dialect[];
  /** Serve the live table `tidemark.channels`: one row per channel with size, rate and status. */
  readonly catalog?: boolean;
  /** A folder of static files to serve at `/`. */
  readonly assets?: string;
  /**
   * Limits of the server, of views, of the log in memory, and of history. Omitted limits keep their
   * defaults.
   */
  readonly limits?: Limits;
  /**
   * The log of commits. Default: in memory, so that every start is a new history. The server does
   * not close a log that you pass.
   */
  readonly log?: Log;
  /**
   * Keeps the rows of channels that are declared with `history`: `duckdb(file)` or
   * `clickhouse(url)`. The log then continues above the store's seq after a restart, and the
   * channels hold their newest rows again. Not together with `log`. Default: none.
   */
  readonly history?: HistoryStore;
  /**
   * Gauges of your own in `/metrics`, by name, such as the size of an index; read when scraped.
   * Names are those of Prometheus, and not those of the server.
   */
  readonly gauges?: Readonly<Record<string, OwnGauge>>;
  /**
   * Take what pages report of themselves (`createClient({ telemetry: true })`) as the histograms
   * `ui_render_drop_ratio`, `ui_render_commit_ms` and `ui_heap_used_mb` of `/metrics`: at most one
   * report of 2,048 bytes per session and 10 s. Default false.
   */
  readonly telemetry?: boolean;
  /** Default: pino at level `info` on standard error. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Runs statements in a transaction: `pg`'s client, PGlite's transaction, or a function that calls
 * your library.
 */
export type OpenTransaction =
  | { query(text: string): Promise<unknown> }
  | ((text: string) => Promise<unknown>);

export interface ListenOptions {
  /** Default 8080; 0 takes a free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /**
   * Serve `/metrics`, all of `/stats`, `/healthz` and `/readyz` without authentication on this
   * port of 127.0.0.1. 0 takes a free port.
   */
  readonly operatorPort?: number;
  /** Allow an address that others can reach although there is no `authenticate`. Default false. */
  readonly allowPublic?: boolean;
}

/** Where the server listens. */
export interface Listening {
  readonly url: string;
  readonly port: number;
  /** Present with `operatorPort`. */
  readonly operatorUrl?: string;
}

export interface AttachOptions {
  /**
   * Serve `/stats`, `/metrics`, `/healthz` and `/readyz` too. Default true; false leaves these
   * paths to the application.
   */
  readonly operations?: boolean;
}

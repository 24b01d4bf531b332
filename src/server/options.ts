/** What `createTidemark`, `listen` and `attach` take. */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { Log } from "../log/log.ts";
import type { Source } from "../sources/source.ts";
import type { Channels } from "./channel.ts";
import type { Paths } from "./http/paths.ts";
import type { Limits } from "./limits.ts";
import type { Mutations } from "./mutations/mutation.ts";
import type { Identity, Policy } from "./policies.ts";
import type { Authenticate } from "./session/access.ts";
import type { Dialect } from "./turn/dialect.ts";

export interface TidemarkOptions<C extends Channels = Channels, Caller = Identity> {
  /** Channels that this program writes. Sources bring their own. */
  readonly channels?: C & Channels<Caller>;
  readonly sources?: readonly Source[];
  /**
   * Who asks. What it returns types the callers of policies and handlers; write it before them, so
   * that the compiler has seen it. Default: everyone may connect, so bind to an address that only
   * you can reach.
   */
  readonly authenticate?: Authenticate<Caller>;
  /**
   * Policies of channels that sources declare, by name. One that names no channel stops the start.
   */
  readonly policies?: Readonly<Record<string, Policy<NoInfer<Caller>>>>;
  /**
   * Who an identity is, apart from what it may do, as `({ id }) => id`: the id of a mutation
   * belongs to it, also when its rights change between a write and its retry. Default: the whole
   * identity.
   */
  readonly identityKey?: (caller: NoInfer<Caller>) => unknown;
  /**
   * Who may see `/metrics`, all of `/stats`, and each row of the catalog. Default: everyone where
   * there is no `authenticate`, else nobody; `operatorPort` of `listen` serves both without asking.
   */
  readonly isOperator?: (caller: NoInfer<Caller>) => boolean;
  /** What clients may ask to be written, by name; groups may nest. */
  readonly mutations?: Mutations<NoInfer<Caller>>;
  /** Origins of pages that may connect, besides the server's own. */
  readonly allowedOrigins?: readonly string[];
  /**
   * Signs session ids, and keys the ids of views. Give all nodes of a deployment the same. Default:
   * this process's own.
   */
  readonly sessionSecret?: string;
  readonly paths?: Partial<Paths>;
  /** Further ways to speak to clients, each on a path of its own. */
  readonly dialects?: readonly Dialect[];
  /** Serve the live table `tidemark.channels`: one row per channel with size, rate and status. */
  readonly catalog?: boolean;
  /** A folder of static files to serve at `/`. */
  readonly assets?: string;
  /**
   * Limits of the server, of views, and of the log in memory. Those that are left out keep their
   * defaults.
   */
  readonly limits?: Limits;
  /**
   * Where commits are kept in order. Default: in memory, so that every start is a new history. One
   * that is passed is closed by who made it.
   */
  readonly log?: Log;
  /** Default: pino at level `info` on standard error. */
  readonly logger?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * What runs a statement in a transaction: `pg`'s client, PGlite's transaction, or a function around
 * your library's.
 */
export type OpenTransaction =
  | { query(text: string): Promise<unknown> }
  | ((text: string) => Promise<unknown>);

export interface ListenOptions {
  /** Default 8080; 0 takes a free one. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /**
   * Serve `/metrics`, all of `/stats`, `/healthz` and `/readyz` to whoever reaches this port of
   * 127.0.0.1. 0 takes a free one.
   */
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

export interface AttachOptions {
  /**
   * Serve `/stats`, `/metrics`, `/healthz` and `/readyz` too. Default true; false leaves these
   * paths to the application.
   */
  readonly operations?: boolean;
}

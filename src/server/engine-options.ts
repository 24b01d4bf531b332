/** The options of an engine, and the facts that it reports. */
import type { Logger } from "pino";
import type { Clock } from "../std/clock.ts";
import type { Random } from "../std/random.ts";
import type { HistoryHost } from "../history/history-host.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Log } from "../log/log.ts";
import type { InvalidSessionReason } from "../protocol/messages/invalid-session.ts";
import type { ResyncReason } from "../protocol/messages/resync.ts";
import type { Writer } from "../sources/writer.ts";
import type { Derivation } from "../table/derivation.ts";
import type { Limits } from "./limit-groups.ts";
import type { FindCheckpoint } from "./log-follower.ts";
import type { WriteChannels } from "./mutations/memory-writer.ts";
import type { MutationDefinition } from "./mutations/mutation.ts";
import type { Identity } from "./policies.ts";
import type { Access } from "./session/access.ts";
import type { Dialect } from "./turn/dialect.ts";
import type { FlushReport } from "./turn/turns.ts";

/** A node's reports for metrics. */
export interface Observer {
  onSnapshot(buildMs: number): void;
  onFlush(report: FlushReport): void;
  onReset(reason: string): void;
  onResumed(outcome: "success" | InvalidSessionReason): void;
  onResync(reason: ResyncReason | undefined): void;
  onMutation(outcome: "written" | "rejected", ms: number): void;
}

/** Of an engine that nobody watches. */
export const NO_OBSERVER: Observer = {
  onSnapshot: () => {},
  onFlush: () => {},
  onReset: () => {},
  onResumed: () => {},
  onResync: () => {},
  onMutation: () => {},
};

export interface EngineOptions {
  readonly log: Log;
  /** Begin with a checkpoint instead of the commits up to it. Default: read everything. */
  readonly findCheckpoint?: FindCheckpoint | undefined;
  /** The program's own channels. */
  readonly declares?: readonly ChannelDeclaration[] | undefined;
  /** Derived tables, each behind those that it is derived from. */
  readonly derivations?: readonly Derivation[] | undefined;
  /** Resolves when a history store holds everything up to a seq. Default: there is none. */
  readonly durable?: ((seq: number) => Promise<void>) | undefined;
  /** Resolves when rows of these channels can be kept. Default: at once. */
  readonly roomFor?: ((channels: readonly string[]) => Promise<void>) | undefined;
  /** Answers queries of the past, and reports how far the store is. Default: there is none. */
  readonly history?: HistoryHost | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly access: Pick<Access, "identify">;
  readonly observer: Observer;
  /**
   * Signs session ids and keys the ids of views; shared by the nodes of a deployment. Default: this
   * process's own.
   */
  readonly secret?: string | undefined;
  /**
   * The part of an identity that names the user, without the rights. Default: the whole identity.
   */
  readonly identityKey?: ((identity: Identity) => unknown) | undefined;
  /** Which identities may see everything that the server reports of itself. Default: everyone. */
  readonly isOperator?: ((identity: Identity) => boolean) | undefined;
  readonly limits?: Omit<Limits, "log" | "history" | "ingest"> | undefined;
  /** The mutations that clients may call, and the writers that run them. */
  readonly mutations?: EngineMutations | undefined;
  /** Further dialects for clients, besides Tidemark's own protocol. */
  readonly dialects?: readonly Dialect[] | undefined;
  /** Mutations are refused with `READ_ONLY`. */
  readonly isReadOnly?: boolean | undefined;
  /** Serve the catalog of channels as a live table. */
  readonly catalog?: boolean | undefined;
}

interface EngineMutations {
  readonly definitions: ReadonlyMap<string, MutationDefinition>;
  /** The writers, by the names of their sources. */
  readonly writers: ReadonlyMap<string, Writer>;
  /** The writer of the program's own channels; absent where it has none. */
  readonly writeChannels?: WriteChannels;
}

/** What distinguishes a replica from others, and what it computes. */
import type { Derivation } from "./derivation.ts";

export interface ReplicaOptions {
  /** Distinguishes the node's own tables from other nodes' tables. */
  readonly node?: string;
  /**
   * The key for the hashes in view ids, so that clients can't guess others' queries and policies.
   * Shared by all nodes of a deployment.
   */
  readonly secret?: string;
  /** Derived tables, each behind those that it is derived from. */
  readonly derivations?: readonly Derivation[] | undefined;
}

/**
 * The rows that each identity may see. Policies are evaluated only here, and become part of each
 * view's id.
 */
import { parseQuery } from "../protocol/parse-query.ts";
import type { WireQuery, WireWhere } from "../protocol/query.ts";
import { toWireWhere, type Where } from "../protocol/user-query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import { unknownChannel } from "../table/unknown-channel.ts";
import type { Replica } from "../table/replica.ts";
import type { View } from "../table/view.ts";

/** The value that `authenticate` returned for a session. */
export type Identity = unknown;

/** The rows of a channel that a caller may see: all, none, or those that match. */
export type Policy<Caller = Identity> = (caller: Caller) => "all" | "none" | Where;

/** A query within an identity's rights. */
export interface AllowedView {
  readonly id: string;
  /** The rows that the identity may see; undefined for all. */
  readonly where: WireWhere | undefined;
  /**
   * The caller fills and releases the view; `owner` is the identity whose share the view counts
   * against. @throws the errors of `Replica.open`
   */
  open(owner?: string): View;
}

export interface PoliciesOptions {
  readonly replica: Replica;
  /**
   * Whether the identity may see everything that the server reports of itself: sizes, refused
   * tables, metrics.
   */
  readonly isOperator: (identity: Identity) => boolean;
  /** Called when a policy threw; the identity sees nothing of the channel. */
  readonly onFailed: (channel: string, error: unknown) => void;
}

export class Policies {
  readonly #options: PoliciesOptions;
  readonly #replica: Replica;
  readonly #policies = new Map<string, Policy>();

  constructor(options: PoliciesOptions) {
    this.#options = options;
    this.#replica = options.replica;
  }

  set(channel: string, policy: Policy): void {
    this.#policies.set(channel, policy);
  }

  /** Gives another engine the same policies. */
  copyTo(other: Policies): void {
    for (const [channel, policy] of this.#policies) other.set(channel, policy);
  }

  isOperator(identity: Identity): boolean {
    return this.#options.isOperator(identity);
  }

  /**
   * @throws TidemarkError `UNKNOWN_CHANNEL`, also when the identity may see nothing of the channel:
   * it must not learn which channels exist
   */
  viewFor(identity: Identity, query: WireQuery): AllowedView {
    const where = this.#whereFor(identity, query.channel);
    return {
      id: this.#replica.viewIdOf(query, where),
      where,
      open: (owner) => this.#replica.open(query, where, owner),
    };
  }

  /** @throws TidemarkError `UNKNOWN_CHANNEL`, as `viewFor` does */
  canSee(identity: Identity, channel: string, row: Row | undefined): boolean {
    const where = this.#whereFor(identity, channel);
    const table = this.#replica.table(channel);
    if (table === undefined) throw unknownChannel(channel);
    return (
      row !== undefined &&
      (where === undefined || compileWhere(where, whereContextOf(table.channel))(row))
    );
  }

  /**
   * Which rows of a channel an identity may see. Only an identity that sees all rows gets their
   * count.
   */
  extentFor(identity: Identity, channel: string): "all" | "some" | "none" {
    const rights = this.#rightsOf(identity, channel);
    return typeof rights === "object" ? "some" : rights;
  }

  /** The channels with a policy that shows an identity some rows only, or none. */
  restricted(identity: Identity, except?: string): readonly string[] {
    return [...this.#policies.keys()].filter(
      (channel) => channel !== except && this.extentFor(identity, channel) !== "all",
    );
  }

  #whereFor(identity: Identity, channel: string): WireWhere | undefined {
    const rights = this.#rightsOf(identity, channel);
    if (rights === "all") return undefined;
    if (rights === "none") throw unknownChannel(channel);
    return parseQuery({ channel, where: toWireWhere(rights) }).where;
  }

  /** A policy that throws, or returns anything else, shows nothing. */
  #rightsOf(identity: Identity, channel: string): ReturnType<Policy> {
    const policy = this.#policies.get(channel);
    if (policy === undefined) return "all";
    try {
      const rights = policy(identity);
      return rights === "all" || (typeof rights === "object" && rights !== null) ? rights : "none";
    } catch (error) {
      this.#options.onFailed(channel, error);
      return "none";
    }
  }
}

/** What each identity may see: a policy per channel, evaluated here alone, becomes part of every view's identity. */
import { parseQuery } from "../protocol/parse-query.ts";
import type { Query, Where } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import { unknownChannel } from "../table/unknown-channel.ts";
import type { Replica } from "../table/replica.ts";
import type { View } from "../table/view.ts";

/** Who a session acts for, as returned by `authenticate`. */
export type Identity = unknown;

/** What a caller may see of a channel: everything, nothing, or the rows that match. */
export type Policy<Caller = Identity> = (caller: Caller) => "all" | "none" | Where;

/** A query within an identity's rights. */
export interface AllowedView {
  readonly id: string;
  /** The rows that the identity may see; undefined for all. */
  readonly where: Where | undefined;
  /** To be filled, and released, by the caller; `owner` is whom it counts for. @throws what `Replica.open` throws */
  open(owner?: string): View;
}

export interface PoliciesOptions {
  readonly replica: Replica;
  /** Who sees everything that the server tells of itself: sizes, refused tables, metrics. */
  readonly isOperator: (identity: Identity) => boolean;
  /** Told of a policy that threw; whom it concerned sees nothing. */
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

  isOperator(identity: Identity): boolean {
    return this.#options.isOperator(identity);
  }

  /** @throws TidemarkError `UNKNOWN_CHANNEL`, also for who may see nothing of it: nobody learns which there are */
  viewFor(identity: Identity, query: Query): AllowedView {
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

  /** Of which rows of a channel an identity may know. How many there are is for who sees all. */
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

  #whereFor(identity: Identity, channel: string): Where | undefined {
    const rights = this.#rightsOf(identity, channel);
    if (rights === "all") return undefined;
    if (rights === "none") throw unknownChannel(channel);
    return parseQuery({ channel, where: rights }).where;
  }

  /** A policy that throws, or finds nothing to say, shows nothing. */
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

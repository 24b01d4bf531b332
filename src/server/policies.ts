/** What each identity may see: a policy per channel, evaluated here alone, becomes part of every view's identity. */
import { TidemarkError } from "../std/errors.ts";
import { parseQuery, type Query, type Where } from "../protocol/query.ts";
import type { Row } from "../protocol/row.ts";
import { compileWhere } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";
import type { Replica } from "../table/replica.ts";
import type { View } from "../table/view.ts";

/** Who a session acts for, as returned by `authenticate`. */
export type Identity = unknown;

/** What an identity may see of a channel: everything, nothing, or the rows that match. */
export type Policy = (identity: Identity) => "all" | "none" | Where;

/** A query within an identity's rights. */
export interface AllowedView {
  readonly id: string;
  /** The rows that the identity may see; undefined for all. */
  readonly where: Where | undefined;
  /** The caller releases it. @throws what `Replica.acquire` throws */
  acquire(): View;
}

export class Policies {
  readonly #replica: Replica;
  readonly #policies = new Map<string, Policy>();

  constructor(replica: Replica) {
    this.#replica = replica;
  }

  set(channel: string, policy: Policy): void {
    this.#policies.set(channel, policy);
  }

  /** @throws TidemarkError `FORBIDDEN`; `UNKNOWN_CHANNEL` */
  viewFor(identity: Identity, query: Query): AllowedView {
    const where = this.#whereFor(identity, query.channel);
    return { id: this.#replica.viewIdOf(query, where), where, acquire: () => this.#replica.acquire(query, where) };
  }

  /** @throws TidemarkError `FORBIDDEN` for who sees nothing of the channel; `UNKNOWN_CHANNEL` */
  canSee(identity: Identity, channel: string, row: Row | undefined): boolean {
    const where = this.#whereFor(identity, channel);
    const table = this.#replica.table(channel);
    if (table === undefined) throw new TidemarkError("UNKNOWN_CHANNEL", `There is no channel "${channel}" here.`);
    return row !== undefined && (where === undefined || compileWhere(where, whereContextOf(table.channel))(row));
  }

  /** A policy that throws refuses, and one that finds nothing to say shows nothing. */
  #whereFor(identity: Identity, channel: string): Where | undefined {
    const policy = this.#policies.get(channel);
    if (policy === undefined) return undefined;
    let rights: ReturnType<Policy>;
    try {
      rights = policy(identity);
    } catch (cause) {
      throw new TidemarkError("FORBIDDEN", `The policy of channel "${channel}" could not be evaluated.`, { cause });
    }
    if (rights === "all") return undefined;
    if (rights === "none" || typeof rights !== "object" || rights === null) throw new TidemarkError("FORBIDDEN", `You may not see channel "${channel}".`);
    return parseQuery({ channel, where: rights }).where;
  }
}

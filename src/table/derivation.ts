/**
 * The contract of derived tables: tables that a replica computes from its other tables, in the
 * commit that changes those. `src/derived` implements it.
 */
import type { ChannelDeclaration } from "../log/channel.ts";
import type { KeyedRow } from "../log/log.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { RowChange } from "./live-table.ts";

/** How one table is computed: a pure description, shared by all replicas of a program. */
export interface Derivation {
  /** The derived channel. */
  readonly name: string;
  /** The channels that it is computed from. Its freshness is that of the first. */
  readonly inputs: readonly string[];
  /**
   * The derived channel, given its inputs. @throws TidemarkError `BAD_OPTION` where these can't
   * give it
   */
  declare(inputs: readonly ChannelDeclaration[]): ChannelDeclaration;
  /**
   * A computation over no rows, but those that had left the inputs before (`settled` of an earlier
   * one). @throws TidemarkError `BAD_OPTION`, `GROUPS_FULL`
   */
  begin(inputs: readonly ChannelDeclaration[], settled?: JsonValue): Computation;
  /** Whether rows that an input has evicted still count: then a start needs them from a store. */
  readonly keepsEvicted: boolean;
  /** Whether a history store keeps its rows. */
  readonly hasHistory: boolean;
  /** Whether rows leave for good when time goes on, without being removed. */
  readonly closesGroups: boolean;
}

/** What a commit changes in a derived table. */
export interface DerivedChange {
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
  /** Keys that leave without being removed: history keeps their rows. */
  readonly evictions: readonly string[];
}

export interface Computation {
  /** Follows one commit's changes of an input. @throws TidemarkError where it can't */
  follow(input: number, changes: readonly RowChange[]): void;
  /** A row that had left the first input by eviction before the computation began. */
  settle(row: KeyedRow): void;
  /** The changes since the last call. @throws TidemarkError */
  take(): DerivedChange;
  /** Whether a row that the computation no longer has was evicted, and not removed. */
  isEvicted(row: Row): boolean;
  /** What the rows that were evicted from the inputs have left; undefined for nothing. */
  readonly settled: JsonValue | undefined;
}

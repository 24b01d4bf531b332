/**
 * A view's snapshot in two parts, for bindings of frameworks: the rows with their status, and how
 * fresh they are. A list thus does not render because time passed.
 */
import type { Row } from "../../protocol/row.ts";
import type { ViewState, ViewStatus } from "../port.ts";
import { ViewCore, type PausedState, type ViewSnapshot } from "./live-view.ts";

/** `idle`: there is no query. */
export type LiveQueryStatus = ViewStatus | "idle";

/**
 * The rows of a query: a new object when one of its fields changed, and not when only time passed.
 */
export interface LiveQueryResult<R = Row> extends Omit<
  ViewSnapshot<R>,
  "status" | "asOf" | "seq" | "epoch" | "isBehind" | "paused"
> {
  readonly status: LiveQueryStatus;
}

/** How far the rows can be trusted; moves about once a second. */
export interface Freshness extends Pick<
  ViewState,
  "reason" | "asOf" | "seq" | "epoch" | "isBehind" | "isPartial"
> {
  readonly status: LiveQueryStatus;
  /** While the view is paused: what waits. */
  readonly paused: PausedState | undefined;
}

export type AnySnapshot = Omit<ViewSnapshot, "status"> & { readonly status: LiveQueryStatus };

/** On a server, and while a page that a server rendered is hydrated: always the same object. */
export const NOT_LOADED: AnySnapshot = new ViewCore("", { channel: "" }, 0).snapshot();
/** Without a query. */
export const IDLE: AnySnapshot = { ...NOT_LOADED, status: "idle", reason: undefined };

export function resultOf(snapshot: AnySnapshot): LiveQueryResult {
  const { status, reason, error, keys, row, isPending, columns, key } = snapshot;
  const { isPartial, channelRows, totalRows, omittedRows, history } = snapshot;
  return {
    status,
    reason,
    error,
    // Made on first access: a grid that reads by key never pays for the array.
    get rows() {
      return snapshot.rows;
    },
    keys,
    row,
    isPending,
    columns,
    key,
    isPartial,
    channelRows,
    totalRows,
    omittedRows,
    history,
  };
}

export function freshnessOf(snapshot: AnySnapshot): Freshness {
  const { status, reason, asOf, seq, epoch, isBehind, isPartial, paused } = snapshot;
  return { status, reason, asOf, seq, epoch, isBehind, isPartial, paused };
}

/**
 * A view's `row` is another function once a row has changed, so `rows` need not be made to be
 * compared.
 */
export function isSameResult(left: LiveQueryResult, right: LiveQueryResult): boolean {
  return sameFields(left, right, "rows") && left.error?.code === right.error?.code;
}

export function isSameFreshness(left: Freshness, right: Freshness): boolean {
  return sameFields(left, right);
}

function sameFields<T extends object>(left: T, right: T, except?: keyof T): boolean {
  return (Object.keys(left) as (keyof T)[]).every(
    (name) => name === except || name === "error" || Object.is(left[name], right[name]),
  );
}

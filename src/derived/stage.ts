/** What passes between the stages of a derived table. */
import type { Ranked } from "../protocol/order.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import type { Compute } from "./spec.ts";

/** One row's change: a new row has no `before`, a row that leaves no `after`. */
export interface RowStep {
  readonly key: string;
  readonly before: Ranked | undefined;
  readonly after: Ranked | undefined;
  /** The row left, but was not removed. */
  readonly evicted: boolean;
}

/** The row with its computed columns. */
export function withComputed(row: Row, compute: Readonly<Record<string, Compute>>): Row {
  const computed: Record<string, JsonValue> = { ...row };
  for (const [name, value] of Object.entries(compute)) {
    const result: JsonValue | undefined = value(row);
    computed[name] =
      result === undefined || (typeof result === "number" && !Number.isFinite(result))
        ? null
        : result;
  }
  return computed;
}

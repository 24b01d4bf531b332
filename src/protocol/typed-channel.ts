/** Carries a row's type from a channel's declaration to a client's queries, as a type only. */
import type { Row } from "./row.ts";

export interface TypedChannel<R = Row> {
  /** Never set. */
  readonly rowType?: R;
}

/** The row type of a channel definition. */
export type RowOf<D> = D extends TypedChannel<infer R> ? R : never;

/** A step of all views: whether a changed row is in the view, and its text there. */
import type { Row } from "../protocol/row.ts";
import type { Predicate } from "../protocol/where.ts";
import type { RowChange } from "./live-table.ts";

/** A row in a view. */
export interface Member {
  readonly key: string;
  readonly row: Row;
  /** The commit that last changed the row in its channel. */
  readonly seq: number;
  /**
   * The row's own text; undefined where the view sends only some columns: their text is made when
   * it is sent.
   */
  readonly text: string | undefined;
}

/** The text of the columns that the query names. */
export type Project = (row: Row) => string;

export class Membership {
  readonly #matches: Predicate;
  readonly #project: Project | undefined;

  constructor(matches: Predicate, project: Project | undefined) {
    this.#matches = matches;
    this.#project = project;
  }

  /** The view's rows have texts of their own, not those of the channel. */
  get isProjected(): boolean {
    return this.#project !== undefined;
  }

  /** The row after the change, if it is in the view. */
  memberOf({ key, after }: RowChange): Member | undefined {
    if (after === undefined || !this.#matches(after.row)) return undefined;
    const { row, seq, json } = after;
    return { key, row, seq, text: this.#project === undefined ? json : undefined };
  }

  /** The text that is sent. */
  jsonOf({ row, text }: Member): string {
    return text ?? this.#project?.(row) ?? JSON.stringify(row);
  }
}

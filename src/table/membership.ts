/** What all views ask of a row: whether it is in the view, and its text there. */
import type { Row } from "../protocol/row.ts";
import type { Predicate } from "../protocol/where.ts";

/** The text of the columns that the query names. */
export type Project = (row: Row) => string;

export class Membership {
  readonly matches: Predicate;
  readonly #project: Project | undefined;

  constructor(matches: Predicate, project: Project | undefined) {
    this.matches = matches;
    this.#project = project;
  }

  /** The view's rows have texts of their own, not those of the channel. */
  get isProjected(): boolean {
    return this.#project !== undefined;
  }

  /** The text that is sent: the row's own, unless the view sends only some columns. */
  textOf({ row, json }: { readonly row: Row; readonly json: string }): string {
    return this.#project === undefined ? json : this.#project(row);
  }
}

/** The step that all views share: whether a changed row is in, and as which text. */
import type { Row } from "../protocol/row.ts";
import type { Predicate } from "../protocol/where.ts";
import type { RowChange } from "./live-table.ts";

/** A row as a view has it. */
export interface Member {
  readonly key: string;
  readonly row: Row;
  /** As it is sent: the row's own text, or that of the columns that are asked for. */
  readonly json: string;
}

export type Project = (node: { readonly row: Row; readonly json: string }) => string;

export class Membership {
  readonly #matches: Predicate;
  readonly #project: Project;

  constructor(matches: Predicate, project: Project) {
    this.#matches = matches;
    this.#project = project;
  }

  /** The row after the change, if it is in. */
  memberOf({ key, after }: RowChange): Member | undefined {
    if (after === undefined || !this.#matches(after.row)) return undefined;
    return { key, row: after.row, json: this.#project(after) };
  }
}

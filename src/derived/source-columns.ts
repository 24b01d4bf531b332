/** The columns that a derived table is computed from: those of its source and of what it joins. */
import { TidemarkError } from "../std/errors.ts";
import type { ChannelDeclaration } from "../log/channel.ts";
import type { Column, ColumnType } from "../protocol/column.ts";
import type { WhereContext } from "../protocol/where.ts";
import { whereContextOf } from "../table/channel.ts";

export class SourceColumns {
  readonly columns: readonly Column[];
  readonly context: WhereContext;
  readonly #derived: string;
  readonly #source: string;

  constructor(derived: string, source: Pick<ChannelDeclaration, "name" | "columns">) {
    this.columns = source.columns;
    this.context = whereContextOf(source);
    this.#derived = derived;
    this.#source = source.name;
  }

  /** Whether the source declares its columns; else any name is one. */
  get isDeclared(): boolean {
    return this.columns.length > 0;
  }

  /** @throws TidemarkError `BAD_OPTION` for a column that there is not */
  typeOf(column: string): ColumnType {
    const type = this.context.typeOf(column);
    if (type !== undefined) return type;
    const known = this.columns.map(({ name }) => name).join(", ");
    throw this.bad(column, `is not a column of "${this.#source}", which has ${known}`);
  }

  bad(column: string, what: string): TidemarkError {
    return new TidemarkError(
      "BAD_OPTION",
      `Derived table "${this.#derived}": column "${column}" ${what}.`,
    );
  }
}

/** Results of runs: checked rows, and what one result changes in the one before. */
import { turn, type Clock } from "../../std/clock.ts";
import type { ChannelDeclaration } from "../../log/channel.ts";
import type { KeyedRow } from "../../log/log.ts";
import { keyOf, type Row } from "../../protocol/row.ts";
import type { PolledParameters } from "./options.ts";

/** Rows that are handled at once; between two such parts the event loop goes on. */
const ROWS_PER_TURN = 500;

/** What a result changes in the one before. */
export interface ResultChange {
  readonly upserts: readonly KeyedRow[];
  readonly removes: readonly string[];
}

export interface ResultOptions {
  readonly declaration: ChannelDeclaration;
  /** Every row has these values. */
  readonly parameters: PolledParameters;
  readonly rowsMax: number;
  readonly clock: Clock;
}

/**
 * The newest result of one query. Retains the text of each row, which the live table has too; at
 * most `rowsMax`.
 */
export class LastResult {
  readonly #options: ResultOptions;
  #texts: ReadonlyMap<string, string> = new Map();

  constructor(options: ResultOptions) {
    this.#options = options;
  }

  get rows(): number {
    return this.#texts.size;
  }

  get keys(): readonly string[] {
    return [...this.#texts.keys()];
  }

  /**
   * Takes the next result, whole or not at all, and returns how it differs. One call at a time.
   * @throws Error in words for operators
   */
  async take(result: unknown): Promise<ResultChange> {
    const { clock, rowsMax } = this.#options;
    if (!Array.isArray(result)) throw new Error("the run returned no list of rows");
    if (result.length > rowsMax)
      throw new Error(
        `the run returned ${result.length} rows, more than the ${rowsMax} of rowsMax`,
      );
    const texts = new Map<string, string>();
    const upserts: KeyedRow[] = [];
    for (const [index, input] of (result as readonly unknown[]).entries()) {
      if (index % ROWS_PER_TURN === ROWS_PER_TURN - 1) await turn(clock);
      const row = this.#rowOf(input);
      if (texts.has(row.key)) throw new Error(`two rows have the key ${row.key}`);
      const known = this.#texts.get(row.key);
      texts.set(row.key, known === row.json ? known : row.json);
      if (known !== row.json) upserts.push(row);
    }
    const removes = this.keys.filter((key) => !texts.has(key));
    this.#texts = texts;
    return { upserts, removes };
  }

  #rowOf(input: unknown): Required<KeyedRow> {
    const { declaration, parameters } = this.#options;
    const json = JSON.stringify(input) ?? "null";
    const row = JSON.parse(json) as Row | null;
    const key = typeof row === "object" && row !== null ? keyOf(row, declaration.key) : undefined;
    if (row === null || key === undefined)
      throw new Error(`a row has no value in its key (${declaration.key.join(", ")})`);
    for (const [column, value] of Object.entries(parameters))
      if (row[column] !== value)
        throw new Error(
          `the run for ${column} ${JSON.stringify(value)} returned a row of ${column} ${JSON.stringify(row[column])}`,
        );
    return { key, row, json };
  }
}

/**
 * A derived table's description, checked against its inputs: its declaration as a channel, and the
 * computations over it.
 */
import { messageOf, TidemarkError } from "../std/errors.ts";
import { declareChannel, type ChannelDeclaration } from "../log/channel.ts";
import type { KeyedRow } from "../log/log.ts";
import type { Column } from "../protocol/column.ts";
import { compileOrder } from "../protocol/order.ts";
import { parseQuery } from "../protocol/parse-query.ts";
import type { JsonValue, Row } from "../protocol/row.ts";
import { compileWhere, type Predicate } from "../protocol/where.ts";
import { RowNode } from "../table/change-ordered-rows.ts";
import type { Computation, Derivation, DerivedChange } from "../table/derivation.ts";
import type { RowChange } from "../table/live-table.ts";
import { columnsOfGroups, planGroups } from "./group-plan.ts";
import { GroupStage } from "./group-stage.ts";
import { DERIVED_LIMITS } from "./limits.ts";
import { RowStage, type JoinPlan } from "./row-stage.ts";
import { SourceColumns } from "./source-columns.ts";
import { isGrouped, textOf, type DerivedSpec } from "./spec.ts";
import type { RowStep } from "./stage.ts";
import { TopStage } from "./top-stage.ts";

const UNBOUNDED = Number.MAX_SAFE_INTEGER;

export class DerivedPlan implements Derivation {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly keepsEvicted: boolean;
  readonly closesGroups: boolean;
  readonly hasHistory: boolean;
  readonly #spec: DerivedSpec;

  /** @throws TidemarkError `BAD_OPTION` for what no inputs can give */
  constructor(name: string, spec: DerivedSpec) {
    this.name = name;
    this.inputs = spec.join === undefined ? [spec.from] : [spec.from, spec.join.with];
    this.keepsEvicted = spec.over === "stream";
    this.hasHistory = spec.history !== undefined;
    this.closesGroups = keptBuckets(spec).length > 0;
    this.#spec = spec;
    checkSpec(name, spec);
  }

  declare(inputs: readonly ChannelDeclaration[]): ChannelDeclaration {
    const { history } = this.#spec;
    const [source] = inputs as readonly [ChannelDeclaration];
    this.#checkStream(source);
    const columns = this.#columnsOf(inputs);
    // Its stages check the rest.
    this.begin(inputs);
    const isOfGroups = isGrouped(this.#spec);
    const rowsMax = isOfGroups ? this.#spec.groupsMax : source.bounds.rowsMax;
    const key = isOfGroups ? Object.keys(this.#spec.groupBy) : source.key;
    const overwritten = key.find((column) => Object.hasOwn(this.#spec.compute, column));
    if (overwritten !== undefined)
      throw bad(this.name, `its key column "${overwritten}" can't be computed`);
    const declared = declareChannel({
      name: this.name,
      key,
      columns,
      bounds: { rowsMax, bytesMax: UNBOUNDED },
      history,
    });
    return { ...declared, derivation: textOf(this.#spec) };
  }

  begin(inputs: readonly ChannelDeclaration[], settled?: JsonValue): Computation {
    const spec = this.#spec;
    const [source] = inputs as readonly [ChannelDeclaration];
    const joined = this.#joined(inputs);
    const ofGroups = isGrouped(spec);
    const rows = new RowStage({
      join: this.#joinOf(inputs),
      matches: this.#predicate(joined),
      compute: ofGroups ? {} : spec.compute,
    });
    const groups = ofGroups
      ? new GroupStage(planGroups(this.name, spec, joined), settled)
      : undefined;
    const top = spec.limit === undefined ? undefined : this.#topOf(inputs, spec.limit);
    return new DerivedComputation({
      rows,
      groups,
      top,
      sourceHasHistory: source.history !== undefined,
    });
  }

  #topOf(inputs: readonly ChannelDeclaration[], limit: number): TopStage {
    const columns = this.#columnsOf(inputs);
    const result = new SourceColumns(this.name, { name: this.name, columns });
    for (const { column } of this.#spec.orderBy) result.typeOf(column);
    return new TopStage(compileOrder(this.#spec.orderBy, result.context), limit);
  }

  #columnsOf(inputs: readonly ChannelDeclaration[]): readonly Column[] {
    const joined = this.#joined(inputs);
    if (isGrouped(this.#spec)) return columnsOfGroups(this.#spec, joined);
    const { columns, isDeclared } = joined;
    if (!isDeclared) return [];
    const computed = Object.keys(this.#spec.compute).map((name): Column => ({ name, type: "any" }));
    const names = new Set(computed.map(({ name }) => name));
    return [...columns.filter(({ name }) => !names.has(name)), ...computed];
  }

  /** The columns of a source's row with those of the row that it is joined with. */
  #joined([source, small]: readonly ChannelDeclaration[]): SourceColumns {
    const { join } = this.#spec;
    const { name, columns } = source as ChannelDeclaration;
    if (join === undefined || small === undefined)
      return new SourceColumns(this.name, { name, columns });
    const other = new SourceColumns(this.name, small);
    const added = Object.entries(join.columns).map(([each, column]): Column => ({
      name: each,
      type: other.typeOf(column),
    }));
    const taken = added.find((column) => columns.some((own) => own.name === column.name));
    if (taken !== undefined)
      throw other.bad(taken.name, `is a column of "${name}" already: give the joined one a name`);
    const isDeclared = columns.length > 0;
    return new SourceColumns(this.name, {
      name,
      columns: isDeclared ? [...columns, ...added] : [],
    });
  }

  #joinOf([source, small]: readonly ChannelDeclaration[]): JoinPlan | undefined {
    const { join } = this.#spec;
    if (join === undefined || source === undefined || small === undefined) return undefined;
    const own = new SourceColumns(this.name, source);
    const other = new SourceColumns(this.name, small);
    const pairs = Object.entries(join.on);
    const keyColumns = small.key.map((key) => {
      const column = pairs.find(([, joined]) => joined === key)?.[0];
      if (column === undefined || pairs.length !== small.key.length)
        throw other.bad(
          key,
          `is the key of "${small.name}": a join is on the whole key of the joined table and on nothing else. Derive a table with that key first (groupBy)`,
        );
      const [left, right] = [own.typeOf(column), other.typeOf(key)];
      if (own.isDeclared && other.isDeclared && left !== right)
        throw own.bad(column, `is ${left}, and "${key}" of "${small.name}" is ${right}`);
      return column;
    });
    return { keyColumns, columns: join.columns, isInner: join.kind === "inner" };
  }

  #predicate(joined: SourceColumns): Predicate | undefined {
    const { where, from } = this.#spec;
    if (where === undefined) return undefined;
    try {
      const parsed = parseQuery({ channel: from, where }).where;
      return parsed && compileWhere(parsed, joined.context);
    } catch (error) {
      throw bad(this.name, `its where can't be used: ${messageOf(error)}`);
    }
  }

  #checkStream({ name, history, derivation }: ChannelDeclaration): void {
    if (!this.keepsEvicted) return;
    if (derivation !== undefined)
      throw bad(
        this.name,
        `over: "stream" is for channels that are written, and "${name}" is derived. Use over: "window", or derive from the channel that "${name}" is made of`,
      );
    if (history === undefined) return;
    if (!history.appendOnly)
      throw bad(
        this.name,
        `over: "stream" counts a row that has left "${name}" for good, so its key must not be written again. Declare "${name}" with history: { appendOnly: true }, or use over: "window"`,
      );
    const { keepMs, keepRows, keepBytes } = history;
    if (Math.min(keepMs, keepRows, keepBytes) < Number.POSITIVE_INFINITY)
      throw bad(
        this.name,
        `over: "stream" is read again from history at a start, and "${name}" forgets its oldest rows (keepMs, keepRows, keepBytes). Leave these out, or use over: "window"`,
      );
  }
}

interface Stages {
  readonly rows: RowStage;
  readonly groups: GroupStage | undefined;
  readonly top: TopStage | undefined;
  readonly sourceHasHistory: boolean;
}

class DerivedComputation implements Computation {
  readonly #stages: Stages;
  #steps: RowStep[] = [];

  constructor(stages: Stages) {
    this.#stages = stages;
  }

  follow(input: number, changes: readonly RowChange[]): void {
    const { rows } = this.#stages;
    for (const change of changes) {
      if (input > 0) for (const step of rows.followSmall(change)) this.#pass(step);
      else this.#pass(rows.follow(change));
    }
  }

  settle({ key, row }: KeyedRow): void {
    const after = new RowNode(key, row, "", 0, 0, 0);
    const step = this.#stages.rows.follow({ key, before: undefined, after, evicted: false });
    if (step?.after !== undefined) this.#stages.groups?.addSettled(step.after);
  }

  take(): DerivedChange {
    const { groups, top } = this.#stages;
    const steps = groups?.take() ?? this.#steps;
    this.#steps = [];
    return changeOf(top?.follow(steps) ?? steps);
  }

  isEvicted(row: Row): boolean {
    const { groups, sourceHasHistory, top } = this.#stages;
    if (top !== undefined) return false;
    return groups?.isClosed(row) ?? sourceHasHistory;
  }

  get settled(): JsonValue | undefined {
    return this.#stages.groups?.settled;
  }

  #pass(step: RowStep | undefined): void {
    if (step === undefined) return;
    if (this.#stages.groups === undefined) this.#steps.push(step);
    else this.#stages.groups.follow(step);
  }
}

/** The last step of each key is what became of it. */
function changeOf(steps: readonly RowStep[]): DerivedChange {
  const last = new Map(steps.map((step) => [step.key, step]));
  const upserts: KeyedRow[] = [];
  const removes: string[] = [];
  const evictions: string[] = [];
  for (const [key, { after, evicted }] of last) {
    if (after !== undefined)
      upserts.push({ key, row: after.row, ...(after instanceof RowNode && { json: after.json }) });
    else if (evicted) evictions.push(key);
    else removes.push(key);
  }
  return { upserts, removes, evictions };
}

function keptBuckets({ groupBy }: DerivedSpec): readonly unknown[] {
  return Object.values(groupBy).filter((by) => typeof by === "object" && by.keep !== undefined);
}

function checkSpec(name: string, spec: DerivedSpec): void {
  const { columns, groupBy, groupsMax, join, limit, orderBy, over } = spec;
  const ofGroups = isGrouped(spec);
  if (over !== "window" && over !== "stream")
    throw bad(name, 'over must be "window" (evictions retract) or "stream" (they don\'t)');
  if (!ofGroups && Object.keys(columns).length > 0)
    throw bad(
      name,
      "columns are of groups: give groupBy. For a total of all rows, group by a column that all rows share",
    );
  if (over === "stream" && !ofGroups)
    throw bad(
      name,
      'over: "stream" keeps groups, and without groupBy it would keep each row for ever. Use over: "window", and history for the rows that have left',
    );
  if (over === "stream" && join !== undefined)
    throw bad(
      name,
      `over: "stream" can't join "${join.with}", whose later changes would not reach rows that have left. Group first, and join the groups in a second derived table`,
    );
  if ((limit === undefined) !== (orderBy.length === 0))
    throw bad(name, "orderBy and limit belong together: a table has an order only up to a limit");
  if (limit !== undefined && !(limit >= 1 && limit <= DERIVED_LIMITS.limitMax))
    throw bad(name, `limit is ${limit}, and must be 1 to ${DERIVED_LIMITS.limitMax}`);
  if (!(groupsMax >= 1)) throw bad(name, `groupsMax is ${groupsMax}, and must be at least 1`);
  const names = [...Object.keys(groupBy), ...Object.keys(columns)];
  const twice = names.find((each, index) => names.indexOf(each) !== index);
  if (twice !== undefined) throw bad(name, `it has two columns "${twice}"`);
  if (keptBuckets(spec).length > 1) throw bad(name, "only one time bucket can have keep");
}

function bad(name: string, what: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `Derived table "${name}": ${what}.`);
}

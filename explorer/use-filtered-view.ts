/**
 * A query with the page's filters. A filter that is not valid is left out and reported: those that
 * can't be parsed at once, those that the server refuses with its answer.
 */
import { useMemo } from "react";
import type { Column, Query, TidemarkClient, ViewError } from "../src/client/index.ts";
import { useLiveQuery, type LiveQueryResult } from "../src/react/index.ts";
import { isRegex, whereOf } from "../examples/ui/filter-text.ts";

type Filters = Readonly<Record<string, string>>;

export interface FilteredView {
  readonly view: LiveQueryResult;
  /** The view's query, with the filters that apply. */
  readonly applied: Query | undefined;
  /** What is wrong with filters that are not applied, by column. */
  readonly errors: Filters;
}

/** Without a query nothing is asked for. Without a client it is the page's. */
export function useFilteredView(
  query: Query | undefined,
  columns: readonly Column[],
  filters: Filters,
  client: TidemarkClient | undefined,
): FilteredView {
  const parsed = useMemo(() => whereOf(columns, filters), [columns, filters]);
  const asked = query && { ...query, ...whereIn(parsed) };
  const whole = useLiveQuery(asked, client && { client });
  const refused = refusedFilters(whole.error, filters, parsed.errors);
  const rest = without(filters, Object.keys(refused));
  const isRefused = Object.keys(refused).length > 0;
  const accepted =
    query && isRefused ? { ...query, ...whereIn(whereOf(columns, rest)) } : undefined;
  const partial = useLiveQuery(accepted, client && { client });
  const errors = useMemo(
    () => ({ ...parsed.errors, ...refused }),
    // oxlint-disable-next-line react-hooks/exhaustive-deps
    [parsed, JSON.stringify(refused)],
  );
  return isRefused
    ? { view: partial, applied: accepted, errors }
    : { view: whole, applied: asked, errors };
}

function whereIn({ where }: ReturnType<typeof whereOf>): Pick<Query, "where"> {
  return where === undefined ? {} : { where };
}

function without(filters: Filters, columns: readonly string[]): Filters {
  return Object.fromEntries(Object.entries(filters).filter(([name]) => !columns.includes(name)));
}

const FILTER_ERRORS: ReadonlySet<string> = new Set(["BAD_QUERY", "BAD_REGEX", "QUERY_TOO_COSTLY"]);

/** The filters that the server's refusal may be about, each with its message. */
export function refusedFilters(
  error: ViewError | undefined,
  filters: Filters,
  parseErrors: Filters,
): Filters {
  if (error === undefined || !FILTER_ERRORS.has(error.code)) return {};
  const applied = Object.keys(filters).filter((name) => parseErrors[name] === undefined);
  const regexes = applied.filter((name) => isRegex(filters[name] ?? ""));
  const named = regexes.filter((name) => isBroken(filters[name] ?? ""));
  const blamed = named.length > 0 ? named : regexes.length > 0 ? regexes : applied;
  return Object.fromEntries(blamed.map((name) => [name, error.message]));
}

/** Of several regexes, the one that no engine takes, or that uses what the server's has not. */
function isBroken(text: string): boolean {
  try {
    const { source } = new RegExp(text.trim().slice(1, -1));
    return /\(\?<?[=!]|\\[1-9]/.test(source);
  } catch {
    return true;
  }
}

/** The state of the page in its address, so that a link opens the same view. Pure functions. */
import type { OrderBy } from "../src/client/index.ts";
import { pastIn, setPast, type Past } from "../examples/ui/past.ts";

export interface PageState {
  readonly channel: string | undefined;
  readonly sort: readonly OrderBy[];
  /** The filter text of each column. */
  readonly filters: Readonly<Record<string, string>>;
  /** The shown columns; undefined for all. */
  readonly columns: readonly string[] | undefined;
  /** The key of the row whose details are open. */
  readonly row: string | undefined;
  /** The moment that the page is rewound to; undefined for the present. */
  readonly past: Past | undefined;
}

const FILTER_PREFIX = "f.";

/**
 * `#/orders?sort=-total,id&columns=id,total&f.status=%3Dplaced&row=5`; rewound, also
 * `at=2026-01-31T12:00:00.000Z&speed=10&play=1`.
 */
export function parseHash(hash: string): PageState {
  const [path = "", search = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const parameters = new URLSearchParams(search);
  const filters: Record<string, string> = {};
  for (const [name, text] of parameters) {
    if (name.startsWith(FILTER_PREFIX) && text !== "")
      filters[name.slice(FILTER_PREFIX.length)] = text;
  }
  const columns = list(parameters.get("columns"));
  return {
    channel: path === "" ? undefined : decodeURIComponent(path),
    sort: list(parameters.get("sort")).map((term) =>
      term.startsWith("-")
        ? { column: term.slice(1), direction: "desc" }
        : { column: term, direction: "asc" },
    ),
    filters,
    columns: columns.length === 0 ? undefined : columns,
    row: parameters.get("row") ?? undefined,
    past: pastIn(parameters),
  };
}

export function formatHash({ channel, sort, filters, columns, row, past }: PageState): string {
  const parameters = new URLSearchParams();
  if (sort.length > 0)
    parameters.set(
      "sort",
      sort.map((term) => escape(`${term.direction === "desc" ? "-" : ""}${term.column}`)).join(","),
    );
  if (columns !== undefined) parameters.set("columns", columns.map(escape).join(","));
  for (const [name, text] of Object.entries(filters))
    if (text !== "") parameters.set(FILTER_PREFIX + name, text);
  if (row !== undefined) parameters.set("row", row);
  setPast(parameters, past);
  const search = parameters.size === 0 ? "" : `?${parameters.toString()}`;
  return channel === undefined ? "#/" : `#/${encodeURIComponent(channel)}${search}`;
}

/**
 * The sort after a click on a column's header: ascending, descending, unsorted. With Shift the
 * other columns stay.
 */
export function nextSort(
  sort: readonly OrderBy[],
  column: string,
  isAdditional: boolean,
): readonly OrderBy[] {
  const current = sort.find((term) => term.column === column);
  const others = isAdditional ? sort.filter((term) => term.column !== column) : [];
  if (current === undefined) return [...others, { column, direction: "asc" }];
  if (current.direction !== "desc") {
    return isAdditional
      ? sort.map((term) => (term === current ? { column, direction: "desc" } : term))
      : [{ column, direction: "desc" }];
  }
  return others;
}

/** Commas separate names, so commas in names are escaped. */
function escape(name: string): string {
  return name.replaceAll("\\", "\\\\").replaceAll(",", "\\,");
}

function list(text: string | null): readonly string[] {
  if (text === null || text === "") return [];
  const items = text.match(/(?:\\.|[^,\\])+/g) ?? [];
  return items.map((item) => item.replace(/\\(.)/g, "$1"));
}

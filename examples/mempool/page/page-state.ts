/**
 * What the page shows, in its address, so that a link is a view: the filters of the list, the
 * selected transaction, and the chain of the gas prices. Pure functions.
 */
import type { FilterTexts } from "../../ui/filter-bar.tsx";

export interface PageState {
  readonly filters: FilterTexts;
  /** The selected transaction's hash. */
  readonly selected: string | undefined;
  readonly chain: string | undefined;
}

const FILTER = "f.";
const HASH = /^0x[0-9a-f]{64}$/;

export function parsePage(search: string): PageState {
  const parameters = new URLSearchParams(search);
  const filters: Record<string, string> = {};
  for (const [name, value] of parameters)
    if (name.startsWith(FILTER) && value !== "") filters[name.slice(FILTER.length)] = value;
  const selected = parameters.get("tx")?.toLowerCase();
  return {
    filters,
    selected: selected !== undefined && HASH.test(selected) ? selected : undefined,
    chain: parameters.get("chain") ?? undefined,
  };
}

export function addressOf({ filters, selected, chain }: PageState, search: string): string {
  const others = [...new URLSearchParams(search)].filter(([name]) => !name.startsWith(FILTER));
  const parameters = new URLSearchParams(others);
  for (const [column, text] of Object.entries(filters))
    if (text !== "") parameters.set(FILTER + column, text);
  setOrDelete(parameters, "tx", selected);
  setOrDelete(parameters, "chain", chain);
  return `?${parameters.toString()}`;
}

function setOrDelete(parameters: URLSearchParams, name: string, value: string | undefined): void {
  if (value === undefined) parameters.delete(name);
  else parameters.set(name, value);
}

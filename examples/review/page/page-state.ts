/**
 * What the page shows: project, filter, text to find, selected result. It stands in the address, so
 * that a link opens the same.
 */
import { useCallback, useEffect, useState } from "react";
import type { Result, Status } from "./client.ts";

export const FILTERS = ["pending", "accepted", "rejected", "all"] as const;
export type Filter = (typeof FILTERS)[number];

export interface PageState {
  /** Undefined for all projects. */
  readonly project: number | undefined;
  readonly filter: Filter;
  readonly find: string;
  /** The key of the result whose details are open. */
  readonly selected: string | undefined;
}

/** Typing and held arrow keys write the address when they have rested for this long. */
const SETTLE_MS = 250;

/** Other parameters of the address stay as they are. */
export function addressOf({ project, filter, find, selected }: PageState, search: string): string {
  const parameters = new URLSearchParams(search);
  const set = (name: string, value: string | undefined): void =>
    value === undefined ? parameters.delete(name) : parameters.set(name, value);
  set("project", project === undefined ? undefined : String(project));
  set("status", filter === "pending" ? undefined : filter);
  set("find", find === "" ? undefined : find);
  set("result", selected);
  const text = parameters.toString();
  return text === "" ? location.pathname : `?${text}`;
}

function parsePage(search: string): PageState {
  const parameters = new URLSearchParams(search);
  const project = Number(parameters.get("project") ?? Number.NaN);
  return {
    project: Number.isInteger(project) ? project : undefined,
    filter: FILTERS.find((name) => name === parameters.get("status")) ?? "pending",
    find: parameters.get("find") ?? "",
    selected: parameters.get("result") ?? undefined,
  };
}

/**
 * Another project or filter, and the begin and end of a search, are steps of the history. The back
 * button returns to them; typing and selecting add none.
 */
function isStep(from: PageState, to: PageState): boolean {
  return (
    from.project !== to.project ||
    from.filter !== to.filter ||
    (from.find === "") !== (to.find === "")
  );
}

export function usePageState(): readonly [PageState, (change: Partial<PageState>) => void] {
  const [state, setState] = useState(() => parsePage(location.search));
  const update = useCallback(
    (change: Partial<PageState>) => setState((before) => ({ ...before, ...change })),
    [],
  );
  useEffect(() => {
    const onBack = (): void => setState(parsePage(location.search));
    addEventListener("popstate", onBack);
    return () => removeEventListener("popstate", onBack);
  }, []);
  useEffect(() => {
    if (isStep(parsePage(location.search), state)) {
      history.pushState(null, "", addressOf(state, location.search));
      return undefined;
    }
    const timer = setTimeout(
      () => history.replaceState(null, "", addressOf(state, location.search)),
      SETTLE_MS,
    );
    return () => clearTimeout(timer);
  }, [state]);
  return [state, update];
}

/** The page with a result selected, and with a list that contains it. */
export function pageShowing(page: PageState, result: Result): PageState {
  const { project_id, status, value, id } = result;
  const isFound = value.toLowerCase().includes(page.find.trim().toLowerCase());
  return {
    project: page.project === undefined ? undefined : project_id,
    filter: page.filter === "all" ? "all" : status,
    find: isFound ? page.find : "",
    selected: id,
  };
}

/** The status that a filter shows; undefined for all. */
export function statusOf(filter: Filter): Status | undefined {
  return filter === "all" ? undefined : filter;
}

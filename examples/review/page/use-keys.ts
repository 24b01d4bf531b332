/** The keyboard shortcuts of the page. Fields, buttons and the worklist handle their own keys. */
import { useEffect, useRef, type RefObject } from "react";
import type { Project, Result, Status } from "./client.ts";
import type { PageState } from "./page-state.ts";
import type { Actions } from "./use-actions.ts";

export const KEYS: readonly (readonly [string, string])[] = [
  ["↓ ↑ or J K", "next, previous result"],
  ["← →", "next, previous cell"],
  ["Page Up, Page Down, Home, End", "move by a page, or to the ends"],
  ["A", "accept"],
  ["X", "reject"],
  ["U", "undo"],
  ["E or Enter", "edit the value"],
  ["1 2 3", "select a supplier match"],
  ["F", "flag"],
  ["Ctrl C", "copy the cell; with Shift, the row"],
  ["/", "find in values"],
  ["[ ]", "previous, next project"],
  ["Esc", "clear, cancel or close"],
  ["?", "show or hide this list"],
];

export interface PageKeys {
  readonly page: PageState;
  readonly update: (change: Partial<PageState>) => void;
  readonly result: Result | undefined;
  readonly actions: Actions;
  readonly projects: readonly Project[];
  readonly step: (by: number) => void;
  readonly undo: () => void;
  readonly grid: RefObject<HTMLElement | null>;
  readonly hasKeys: boolean;
  readonly setHasKeys: (hasKeys: boolean) => void;
}

export function usePageKeys({
  page,
  update,
  result,
  actions,
  projects,
  step,
  undo,
  grid,
  hasKeys,
  setHasKeys,
}: PageKeys): void {
  const move = (by: number): void => {
    step(by);
    // A focused button stays focused, so that Enter does the same for the next row.
    if (document.activeElement === document.body) grid.current?.focus({ preventScroll: true });
  };
  const decide = (status: Status): void => {
    if (result === undefined || result.status === status) return;
    // Selects the next row before this one leaves the list.
    move(1);
    actions.setStatus(result, status);
  };
  useKeys({
    move,
    accept: () => decide("accepted"),
    reject: () => decide("rejected"),
    undo,
    flag: () => result !== undefined && actions.flag(result),
    edit: () => document.querySelector<HTMLInputElement>("[data-edit]")?.select(),
    choose: (place) =>
      document.querySelector<HTMLButtonElement>(`[data-match="${place}"]`)?.click(),
    find: () => document.querySelector<HTMLInputElement>("[data-find]")?.select(),
    stepProject: (by) => {
      const ids = [undefined, ...projects.map(({ id }) => id)];
      update({ project: ids[(ids.indexOf(page.project) + by + ids.length) % ids.length] });
    },
    toggleKeys: () => setHasKeys(!hasKeys),
    close: () => (hasKeys ? setHasKeys(false) : update({ selected: undefined })),
  });
}

/** What each key does. */
interface KeyActions {
  readonly move: (by: number) => void;
  readonly accept: () => void;
  readonly reject: () => void;
  readonly undo: () => void;
  readonly flag: () => void;
  readonly edit: () => void;
  readonly choose: (place: number) => void;
  readonly find: () => void;
  readonly stepProject: (by: number) => void;
  readonly toggleKeys: () => void;
  readonly close: () => void;
}

function useKeys(actions: KeyActions): void {
  const latest = useRef(actions);
  latest.current = actions;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target, key } = event;
      if (
        event.defaultPrevented ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        target instanceof HTMLInputElement ||
        target instanceof HTMLSelectElement ||
        (key === "Enter" && target instanceof HTMLElement && target.closest("button, a") !== null)
      )
        return;
      if (press(key, latest.current)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Returns whether the key has a meaning. */
function press(key: string, actions: KeyActions): boolean {
  const meanings: Readonly<Record<string, () => void>> = {
    ArrowDown: () => actions.move(1),
    j: () => actions.move(1),
    ArrowUp: () => actions.move(-1),
    k: () => actions.move(-1),
    a: actions.accept,
    x: actions.reject,
    u: actions.undo,
    f: actions.flag,
    e: actions.edit,
    Enter: actions.edit,
    "1": () => actions.choose(1),
    "2": () => actions.choose(2),
    "3": () => actions.choose(3),
    "/": actions.find,
    "[": () => actions.stepProject(-1),
    "]": () => actions.stepProject(1),
    "?": actions.toggleKeys,
    Escape: actions.close,
  };
  const meaning = meanings[key.length === 1 ? key.toLowerCase() : key];
  meaning?.();
  return meaning !== undefined;
}

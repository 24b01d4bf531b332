/** The dashboard's layout and keyboard: projects, worklist, one result, the status strip. */
import { useCallback, useEffect, useMemo, useRef, useState, type ReactElement } from "react";
import { FreshnessBadge, TidemarkDevtools } from "tidemark/react";
import type { Query, Where } from "tidemark/client";
import { formatCount } from "../ui/format.ts";
import { KeyList } from "../ui/key-list.tsx";
import { State } from "../ui/state.tsx";
import { StatusStrip } from "../ui/status-strip.tsx";
import { ThemeButton } from "../ui/theme-button.tsx";
import { me, type Project, type Result, type Status } from "./client.ts";
import { Detail } from "./detail.tsx";
import { useConnection, useLiveQuery, usePendingWrites } from "./hooks.ts";
import { Projects, useTallies } from "./projects.tsx";
import { Toasts } from "./toasts.tsx";
import { useActions, type Actions } from "./use-actions.ts";
import { usePresence } from "./use-presence.ts";
import { Worklist } from "./worklist.tsx";

const FILTERS = ["pending", "accepted", "rejected", "all"] as const;
type Filter = (typeof FILTERS)[number];

const KEYS: readonly (readonly [string, string])[] = [
  ["↓ ↑ or J K", "next, previous result"],
  ["A", "accept"],
  ["X", "reject"],
  ["U", "undo"],
  ["E or Enter", "edit the value"],
  ["1 2 3", "choose a supplier match"],
  ["F", "flag"],
  ["/", "find in values"],
  ["[ ]", "previous, next project"],
  ["Esc", "out"],
  ["?", "show or hide this list"],
];

export function App(): ReactElement {
  const [project, setProject] = useState<number>();
  const [filter, setFilter] = useState<Filter>("pending");
  const [find, setFind] = useState("");
  const [selected, setSelected] = useState<string>();
  const [hasKeys, setHasKeys] = useState(false);
  const connection = useConnection();
  const pending = usePendingWrites();
  const projects = useLiveQuery({ channel: "projects", orderBy: [{ column: "id" }] });
  const tallies = useTallies();
  const worklist = useMemo(() => queryOf(project, filter, find), [project, filter, find]);
  const list = useLiveQuery(worklist);
  // The chosen result stays open when it leaves the list.
  const one = useLiveQuery(
    selected === undefined
      ? undefined
      : { channel: "extraction_results", where: { column: "id", eq: selected } },
  );
  const result = selected === undefined ? undefined : (list.row(selected) ?? one.rows[0]);
  const actions = useActions();
  const presence = usePresence(project, selected);

  const step = useCallback(
    (by: number) => {
      const index = selected === undefined ? -1 : list.keys.indexOf(selected);
      const next =
        list.keys[
          index < 0
            ? Math.max(0, lastIndex.current + Math.min(0, by))
            : Math.max(0, Math.min(list.keys.length - 1, index + by))
        ];
      if (next !== undefined) setSelected(next);
    },
    [list.keys, selected],
  );
  const lastIndex = useRef(0);
  const index = selected === undefined ? -1 : list.keys.indexOf(selected);
  if (index >= 0) lastIndex.current = index;

  const stepProject = (by: number): void => {
    const ids = [undefined, ...projects.rows.map(({ id }) => id)];
    setProject(ids[(ids.indexOf(project) + by + ids.length) % ids.length]);
  };
  useKeys({ result, actions, step, stepProject, setHasKeys, close: () => setSelected(undefined) });

  return (
    <div className="app review">
      <div className="side">
        <div className="brand">
          <span className="mark" aria-hidden="true" />
          Review
          <span className="me dim">{me.name}</span>
          <ThemeButton />
        </div>
        <Projects
          projects={projects.rows}
          tallies={tallies}
          selected={project}
          onSelect={setProject}
          onStart={actions.startJob}
        />
      </div>
      <main className="work">
        <Toolbar
          projects={projects.rows}
          project={project}
          onProject={setProject}
          filter={filter}
          onFilter={setFilter}
          find={find}
          onFind={setFind}
          count={list.keys.length}
          query={worklist}
        />
        <div className="content">
          <Worklist
            keys={list.keys}
            row={list.row}
            isPending={list.isPending}
            selected={selected}
            onSelect={setSelected}
            present={presence.byResult}
            isStale={list.status === "stale"}
            isLoading={list.status === "loading" && list.keys.length === 0}
            empty={
              <Empty
                filter={filter}
                find={find}
                onAll={() => {
                  setFilter("all");
                  setFind("");
                }}
              />
            }
          />
          <Detail
            result={result}
            isPending={
              selected !== undefined && (list.isPending(selected) || one.isPending(selected))
            }
            who={(selected && presence.byResult.get(selected)) || []}
            actions={actions}
            onClose={() => setSelected(undefined)}
          />
        </div>
      </main>
      <StatusStrip connection={connection}>
        <span className="dim others">
          {presence.others.length > 0 && (
            <span>{presence.others.map(({ name }) => name).join(", ")} also here</span>
          )}
          <span className="number">
            {pending.length > 0 ? `${pending.length} saving` : "all saved"}
          </span>
          <span className="keys-hint">? for keys</span>
        </span>
      </StatusStrip>
      <Toasts toasts={actions.toasts} onDismiss={actions.dismiss} />
      {hasKeys && <KeyList keys={KEYS} />}
      {new URLSearchParams(location.search).has("devtools") && <TidemarkDevtools />}
    </div>
  );
}

function labelOf(filter: Filter): string {
  return filter === "pending" ? "to review" : filter;
}

interface ToolbarProps {
  readonly projects: readonly Project[];
  readonly project: number | undefined;
  readonly onProject: (id: number | undefined) => void;
  readonly filter: Filter;
  readonly onFilter: (filter: Filter) => void;
  readonly find: string;
  readonly onFind: (text: string) => void;
  readonly count: number;
  readonly query: Query<Result>;
}

function Toolbar({
  projects,
  project,
  onProject,
  filter,
  onFilter,
  find,
  onFind,
  count,
  query,
}: ToolbarProps): ReactElement {
  return (
    <div className="title">
      <select
        className="project-select"
        aria-label="Project"
        value={project ?? ""}
        onChange={({ target }) => onProject(target.value === "" ? undefined : Number(target.value))}
      >
        <option value="">All projects</option>
        {projects.map(({ id, name }) => (
          <option key={id} value={id}>
            {name}
          </option>
        ))}
      </select>
      <div className="tabs" role="tablist" aria-label="Status">
        {FILTERS.map((name) => (
          <button
            key={name}
            type="button"
            role="tab"
            aria-selected={name === filter}
            onClick={() => onFilter(name)}
          >
            {labelOf(name)}
          </button>
        ))}
      </div>
      <span className="count number">{formatCount(count)}</span>
      <FreshnessBadge query={query} className="freshness" />
      <span className="spacer" />
      <input
        className="find"
        data-find
        type="search"
        placeholder="Find in values"
        aria-label="Find in values"
        value={find}
        onChange={({ target }) => onFind(target.value)}
        onKeyDown={({ key, currentTarget }) => key === "Escape" && currentTarget.blur()}
      />
    </div>
  );
}

function queryOf(
  project: number | undefined,
  filter: Filter,
  find: string,
): Query<Result> & { readonly channel: "extraction_results" } {
  const terms: Where<Result>[] = [];
  if (project !== undefined) terms.push({ column: "project_id", eq: project });
  if (filter !== "all") terms.push({ column: "status", eq: filter satisfies Status });
  if (find.trim() !== "")
    terms.push({ column: "value", like: `%${find.trim().replace(/[\\%_]/g, "\\$&")}%` });
  return {
    channel: "extraction_results",
    where: { and: terms },
    orderBy: [{ column: "confidence" }, { column: "id" }],
  };
}

function Empty({
  filter,
  find,
  onAll,
}: {
  readonly filter: Filter;
  readonly find: string;
  readonly onAll: () => void;
}): ReactElement {
  const action = (
    <button type="button" onClick={onAll}>
      Show all results
    </button>
  );
  if (find !== "")
    return (
      <State title="Nothing found" action={action}>
        No value contains “{find}”.
      </State>
    );
  if (filter === "pending")
    return (
      <State title="All reviewed" action={action}>
        New results appear here while jobs read documents. Start a job on the left.
      </State>
    );
  return (
    <State title={`Nothing ${filter}`} action={action}>
      No result of this project is {filter}.
    </State>
  );
}

interface Keys {
  readonly result: Result | undefined;
  readonly actions: Actions;
  readonly step: (by: number) => void;
  readonly stepProject: (by: number) => void;
  readonly setHasKeys: (change: (before: boolean) => boolean) => void;
  readonly close: () => void;
}

function useKeys(keys: Keys): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const { target, key } = event;
      if (
        target instanceof HTMLInputElement ||
        target instanceof HTMLSelectElement ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey
      )
        return;
      if (press(key, latest.current)) event.preventDefault();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, []);
}

/** Returns whether the key has a meaning. */
function press(
  key: string,
  { result, actions, step, stepProject, setHasKeys, close }: Keys,
): boolean {
  const decide = (status: Status): void => {
    if (result === undefined || result.status === status) return;
    // Selects the next row before this one leaves the list.
    step(1);
    actions.setStatus(result, status);
  };
  switch (key.length === 1 ? key.toLowerCase() : key) {
    case "ArrowDown":
    case "j":
      step(1);
      return true;
    case "ArrowUp":
    case "k":
      step(-1);
      return true;
    case "a":
      decide("accepted");
      return true;
    case "x":
      decide("rejected");
      return true;
    case "u":
      actions.undo();
      return true;
    case "f":
      if (result !== undefined) actions.flag(result);
      return true;
    case "e":
    case "Enter":
      document.querySelector<HTMLInputElement>("[data-edit]")?.select();
      return true;
    case "1":
    case "2":
    case "3":
      document.querySelector<HTMLButtonElement>(`[data-match="${key}"]`)?.click();
      return true;
    case "/":
      document.querySelector<HTMLInputElement>("[data-find]")?.focus();
      return true;
    case "[":
      stepProject(-1);
      return true;
    case "]":
      stepProject(1);
      return true;
    case "?":
      setHasKeys((before) => !before);
      return true;
    case "Escape":
      setHasKeys(() => false);
      close();
      return true;
    default:
      return false;
  }
}

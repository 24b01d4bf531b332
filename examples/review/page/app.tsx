/** The dashboard's layout and keyboard: projects, worklist, one result, the status strip. */
import { useCallback, useMemo, useRef, useState, type ReactElement } from "react";
import { TidemarkDevtools } from "tidemark/react";
import { KeyList } from "../../ui/key-list.tsx";
import { isAway, linkOf } from "../../ui/link.ts";
import { StatusStrip } from "../../ui/status-strip.tsx";
import { useNow } from "../../ui/use-now.ts";
import { Brand } from "./brand.tsx";
import { client } from "./client.ts";
import { Detail } from "./detail.tsx";
import { EmptyList } from "./empty-list.tsx";
import { useConnection, useLiveQuery } from "./hooks.ts";
import { pageShowing, usePageState } from "./page-state.ts";
import { PendingChanges, savingText, usePendingChanges } from "./pending-changes.tsx";
import { Projects, useTallies } from "./projects.tsx";
import { COLUMNS, VALUE_COLUMN } from "./result-columns.ts";
import { Toasts } from "./toasts.tsx";
import { Toolbar } from "./toolbar.tsx";
import { useActions } from "./use-actions.ts";
import { KEYS, usePageKeys } from "./use-keys.ts";
import { usePresence } from "./use-presence.ts";
import { useNames, useStep } from "./use-selection.ts";
import type { Drafts } from "./value-editor.tsx";
import { queryOf } from "./worklist-query.ts";
import { Worklist } from "./worklist.tsx";

export function App(): ReactElement {
  const [page, update] = usePageState();
  const { project, filter, find, selected } = page;
  const [column, setColumn] = useState(VALUE_COLUMN);
  const [hasKeys, setHasKeys] = useState(false);
  const [hasJobs, setHasJobs] = useState(false);
  const [drafts] = useState<Drafts>(() => new Map());
  const grid = useRef<HTMLDivElement>(null);
  const connection = useConnection();
  const isConnected = !isAway(linkOf(connection, useNow()));
  const projects = useLiveQuery({ channel: "projects", orderBy: [{ column: "id" }] });
  const tallies = useTallies();
  const worklist = useMemo(() => queryOf({ project, filter, find }), [project, filter, find]);
  const list = useLiveQuery(worklist);
  // The selected result stays open when it leaves the list.
  const one = useLiveQuery(
    selected === undefined
      ? undefined
      : { channel: "extraction_results", where: { column: "id", eq: selected } },
  );
  const result = selected === undefined ? undefined : (list.row(selected) ?? one.rows[0]);
  const actions = useActions();
  const changes = usePendingChanges();
  const nameOf = useNames(result);
  const presence = usePresence(project, selected);
  const select = useCallback((key: string | undefined) => update({ selected: key }), [update]);
  const step = useStep(list.keys, selected, select);
  const focusList = useCallback(() => grid.current?.focus({ preventScroll: true }), []);
  const undo = (): void => {
    const undone = actions.undo();
    if (undone === undefined) return;
    update(pageShowing(page, undone.result));
    setColumn(COLUMNS.findIndex(({ name }) => name === undone.column));
    focusList();
  };
  usePageKeys({
    page,
    update,
    result,
    actions,
    projects: projects.rows,
    step,
    undo,
    grid,
    hasKeys,
    setHasKeys,
  });

  return (
    <div className="app review">
      <div className="side">
        <Brand page={page} others={presence.others} />
        <Projects
          projects={projects.rows}
          tallies={tallies}
          selected={project}
          onSelect={(id) => update({ project: id })}
          onStart={actions.startJob}
          hasJobs={hasJobs}
        />
      </div>
      <main className="work">
        <Toolbar
          projects={projects.rows}
          page={page}
          onChange={update}
          count={list.keys.length}
          query={worklist}
          hasJobs={hasJobs}
          onJobs={() => setHasJobs(!hasJobs)}
          onLeave={focusList}
        />
        <div className="content">
          <Worklist
            scroller={grid}
            listId={`${project} ${filter} ${find}`}
            keys={list.keys}
            row={list.row}
            isPending={list.isPending}
            selected={selected}
            onSelect={select}
            column={column}
            onColumn={setColumn}
            present={presence.byResult}
            isStale={list.status === "stale"}
            isLoading={list.status === "loading" && list.keys.length === 0}
            empty={
              <EmptyList
                filter={filter}
                find={find}
                onAll={() => update({ filter: "all", find: "" })}
              />
            }
          />
          <Detail
            result={result}
            isPending={
              selected !== undefined && (list.isPending(selected) || one.isPending(selected))
            }
            isConnected={isConnected}
            who={(selected && presence.byResult.get(selected)) || []}
            actions={actions}
            drafts={drafts}
            onUndo={undo}
            onLeave={focusList}
            onClose={() => select(undefined)}
          />
        </div>
        <PendingChanges isConnected={isConnected} changes={changes} nameOf={nameOf} />
      </main>
      <StatusStrip connection={connection} onRetry={() => client.connect()}>
        <span className="dim others">
          {presence.others.length > 0 && (
            <span>Also online: {presence.others.map(({ name }) => name).join(", ")}</span>
          )}
          <span className="number">{savingText(changes.length, isConnected)}</span>
          <button
            type="button"
            className="plain keys-hint"
            aria-expanded={hasKeys}
            onClick={() => setHasKeys(!hasKeys)}
          >
            Keyboard shortcuts <kbd>?</kbd>
          </button>
        </span>
      </StatusStrip>
      <Toasts toasts={actions.toasts} onDismiss={actions.dismiss} />
      {hasKeys && <KeyList keys={KEYS} />}
      {new URLSearchParams(location.search).has("devtools") && <TidemarkDevtools />}
    </div>
  );
}

/** The command palette: tables, their columns, and actions, found by typing. */
import {
  lazy,
  Suspense,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
  type KeyboardEvent,
  type ReactElement,
  type RefObject,
} from "react";
import type { Column } from "../src/client/index.ts";
import { takeKeys } from "./early-keys.ts";
import { useOtherColumns } from "./other-columns.ts";
import "./palette.css";

export interface Command {
  readonly kind: "table" | "column" | "action";
  readonly name: string;
  readonly detail?: string;
  readonly run: () => void;
  /** A column of another table: found by its own name, not by that of its table alone. */
  readonly isElsewhere?: true;
}

/** What the table that is shown offers. */
export interface TableCommands {
  readonly columns: readonly Column[];
  /** Goes to the column's filter. */
  readonly toColumn: (column: string) => void;
  readonly actions: readonly (readonly [name: string, run: () => void])[];
}

export interface PalettePage {
  readonly tables: readonly string[];
  /** The table that is shown. */
  readonly shown: string | undefined;
  readonly select: (table: string) => void;
  readonly offers: RefObject<TableCommands | undefined>;
  readonly showKeys: () => void;
}

const SHOWN_MAX = 50;
/** Part of the palette, so that the first view has nothing of it. */
const POLLED_QUERIES: Command = {
  kind: "action",
  name: "Show the polled queries",
  run: () => {},
};
const PolledQueries = lazy(async () => ({
  default: (await import("./polled-queries.tsx")).PolledQueries,
}));

export function Palette({
  page,
  onClose,
}: {
  readonly page: PalettePage;
  readonly onClose: () => void;
}): ReactElement {
  const dialog = useRef<HTMLDialogElement>(null);
  const listId = useId();
  const [typed, setTyped] = useState("");
  const [active, setActive] = useState(0);
  const [showsQueries, setShowsQueries] = useState(false);
  const columns = useOtherColumns(page, typed.trim() !== "");
  const all = [...commandsOf(page), POLLED_QUERIES, ...columns];
  const found = matching(all, typed).slice(0, SHOWN_MAX);
  useEffect(() => {
    dialog.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, [active, typed]);

  const run = (command: Command | undefined): void => {
    if (command === undefined) return;
    if (command === POLLED_QUERIES) return setShowsQueries(true);
    // Focus returns to where it was, before the command moves it.
    dialog.current?.close();
    command.run();
  };
  useLayoutEffect(() => {
    dialog.current?.showModal();
    const [text = "", enter] = takeKeys().split("\n", 2);
    setTyped(text);
    if (enter !== undefined) run(matching(all, text)[0]);
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    event.stopPropagation();
    const last = found.length - 1;
    if (event.key === "ArrowDown") setActive(Math.min(last, active + 1));
    else if (event.key === "ArrowUp") setActive(Math.max(0, active - 1));
    else if (event.key === "Enter") run(found[active]);
    else if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey))
      dialog.current?.close();
    else return;
    event.preventDefault();
  };
  if (showsQueries)
    return (
      <Suspense>
        <PolledQueries onClose={onClose} />
      </Suspense>
    );
  return (
    <dialog
      ref={dialog}
      className="palette"
      aria-label="Commands"
      onClose={onClose}
      onKeyDown={onKeyDown}
      onClick={({ target }) => target === dialog.current && dialog.current.close()}
    >
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={found.length > 0 ? `${listId}-${active}` : undefined}
        aria-label="Find a table, a column or a command"
        placeholder="Find a table, a column or a command"
        spellCheck={false}
        autoComplete="off"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setActive(0);
        }}
      />
      <ul id={listId} role="listbox" aria-label="Commands">
        {found.map((command, index) => (
          <li
            key={`${command.kind} ${command.name} ${command.detail}`}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === active}
            onPointerMove={() => setActive(index)}
            onClick={() => run(command)}
          >
            <span className="dim kind">{command.kind}</span>
            <span className="name">{command.name}</span>
            <span className="dim">{command.detail}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="dim">No table, column or command matches.</p>}
    </dialog>
  );
}

function commandsOf({ tables, select, offers, showKeys }: PalettePage): readonly Command[] {
  const { columns = [], toColumn, actions = [] } = offers.current ?? {};
  return [
    ...tables.map((name): Command => ({ kind: "table", name, run: () => select(name) })),
    ...columns.map(({ name, type }): Command => {
      return { kind: "column", name, detail: type, run: () => toColumn?.(name) };
    }),
    ...actions.map(([name, run]): Command => ({ kind: "action", name, run })),
    { kind: "action", name: "Show the keyboard shortcuts", run: showKeys },
  ];
}

/** Those that have all typed words; names that begin with what was typed come first. */
function matching(commands: readonly Command[], typed: string): readonly Command[] {
  const text = typed.trim().toLowerCase();
  if (text === "") return commands;
  const words = text.split(/\s+/);
  const found = commands.filter(({ kind, name, detail = "", isElsewhere }) => {
    const all = `${kind} ${name} ${detail}`.toLowerCase();
    const isNamed = isElsewhere !== true || words.some((word) => name.toLowerCase().includes(word));
    return isNamed && words.every((word) => all.includes(word));
  });
  const isFirst = ({ name }: Command): boolean => name.toLowerCase().startsWith(text);
  return [...found.filter(isFirst), ...found.filter((command) => !isFirst(command))];
}

/**
 * One result: its value to edit, the extracted value, supplier matches, and who else has it open.
 */
import { useEffect, useRef, useState, type ReactElement } from "react";
import { formatAge } from "../ui/format.ts";
import { State } from "../ui/state.tsx";
import { useNow } from "../ui/use-now.ts";
import type { Match, Result } from "./client.ts";
import { useLiveQuery } from "./hooks.ts";
import type { Actions } from "./use-actions.ts";
import type { Present } from "./use-presence.ts";

export interface DetailProps {
  readonly result: Result | undefined;
  readonly isPending: boolean;
  readonly who: readonly Present[];
  readonly actions: Actions;
  readonly onClose: () => void;
}

export function Detail({ result, isPending, who, actions, onClose }: DetailProps): ReactElement {
  if (result === undefined) {
    return (
      <aside className="detail" aria-label="Result">
        <State title="Nothing chosen">
          Choose a result, or press ↓. Press ? for the keyboard shortcuts.
        </State>
      </aside>
    );
  }
  const {
    id,
    document: file,
    page,
    field,
    status,
    extracted,
    value,
    confidence,
    reviewed_by: reviewer,
    is_flagged: isFlagged,
  } = result;
  return (
    <aside className="detail" aria-label="Result" data-pending={isPending}>
      <header>
        <h2>{field}</h2>
        <span className="saving dim" aria-live="polite">
          {isPending ? "saving" : ""}
        </span>
        <button type="button" className="plain close" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      <div className="detail-body">
        <p className="status" data-status={status}>
          {status === "pending" ? "to review" : status}
          {reviewer !== null && (
            <span className="dim">
              {" "}
              by {reviewer}
              <ReviewedAt at={result.reviewed_at} />
            </span>
          )}
        </p>
        <ValueEditor key={id} result={result} onSave={(text) => actions.edit(result, text)} />
        <div className="buttons">
          <button
            type="button"
            onClick={() => actions.setStatus(result, "accepted")}
            disabled={status === "accepted"}
          >
            Accept <kbd>A</kbd>
          </button>
          <button
            type="button"
            onClick={() => actions.setStatus(result, "rejected")}
            disabled={status === "rejected"}
          >
            Reject <kbd>X</kbd>
          </button>
          <button type="button" onClick={() => actions.flag(result)} aria-pressed={isFlagged}>
            {isFlagged ? "⚑ Flagged" : "Flag"} <kbd>F</kbd>
          </button>
          <button type="button" onClick={actions.undo} disabled={actions.undoable === 0}>
            Undo <kbd>U</kbd>
          </button>
        </div>
        <dl>
          <div>
            <dt>extracted</dt>
            <dd className="mono">
              {extracted}
              {extracted !== value && <span className="dim"> (changed)</span>}
            </dd>
          </div>
          <div>
            <dt>document</dt>
            <dd className="mono">
              {file}, page {page}
            </dd>
          </div>
          <div>
            <dt>confidence</dt>
            <dd>{(confidence * 100).toFixed(1)} %</dd>
          </div>
          <div>
            <dt>also here</dt>
            <dd>
              {who.length === 0 ? (
                <span className="dim">nobody</span>
              ) : (
                who.map(({ name }) => name).join(", ")
              )}
            </dd>
          </div>
        </dl>
        {field === "supplier" && (
          <Matches result={result} onChoose={(match) => actions.choose(result, match)} />
        )}
      </div>
    </aside>
  );
}

function ReviewedAt({ at }: { readonly at: string | null }): ReactElement | null {
  const now = useNow();
  return at === null ? null : (
    <span title={new Date(at).toLocaleString()}>
      , {formatAge(Math.max(0, now - Date.parse(at)))}
    </span>
  );
}

/**
 * The typed text stays until it is saved or discarded. A note says when another user has changed
 * the value.
 */
function ValueEditor({
  result,
  onSave,
}: {
  readonly result: Result;
  readonly onSave: (text: string) => void;
}): ReactElement {
  const [draft, setDraft] = useState<string>();
  const base = useRef(result.value);
  useEffect(() => {
    if (draft === undefined) base.current = result.value;
  }, [draft, result.value]);
  const hasMoved = draft !== undefined && base.current !== result.value;
  return (
    <form
      className="value"
      onSubmit={(event) => {
        event.preventDefault();
        if (draft !== undefined && draft !== result.value) onSave(draft);
        setDraft(undefined);
        (document.activeElement as HTMLElement | null)?.blur();
      }}
    >
      <label htmlFor="value">value</label>
      <input
        id="value"
        data-edit
        value={draft ?? result.value}
        autoComplete="off"
        spellCheck={false}
        onFocus={() => setDraft(result.value)}
        onChange={({ target }) => setDraft(target.value)}
        onBlur={() => setDraft(undefined)}
        onKeyDown={({ key, currentTarget }) => key === "Escape" && currentTarget.blur()}
      />
      <p className="note dim">
        {hasMoved
          ? `${result.reviewed_by ?? "Someone"} has changed this value to “${result.value}”.`
          : draft === undefined
            ? ""
            : "Enter saves and accepts. Esc cancels."}
      </p>
    </form>
  );
}

function Matches({
  result,
  onChoose,
}: {
  readonly result: Result;
  readonly onChoose: (match: Match) => void;
}): ReactElement {
  const { rows } = useLiveQuery({
    channel: "supplier_matches",
    where: { column: "result_id", eq: result.id },
    orderBy: [{ column: "score", direction: "desc" }],
  });
  return (
    <section className="matches" aria-label="Supplier matches">
      <h3>Supplier matches</h3>
      <ol>
        {rows.map((match, index) => (
          <li key={match.id}>
            <button
              type="button"
              data-match={index + 1}
              aria-pressed={result.supplier === match.supplier}
              onClick={() => onChoose(match)}
            >
              <kbd>{index + 1}</kbd> <span className="name">{match.supplier}</span>{" "}
              <span className="mono dim">{match.vat_id}</span>{" "}
              <span className="number">{(match.score * 100).toFixed(0)} %</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

/**
 * One result: its value to edit, the extracted value, supplier matches, and who else has it open.
 */
import type { ReactElement } from "react";
import { formatAge } from "../../ui/format.ts";
import { State } from "../../ui/state.tsx";
import { useNow } from "../../ui/use-now.ts";
import type { Match, Result } from "./client.ts";
import { useLiveQuery } from "./hooks.ts";
import { formatConfidence, statusText } from "./result-columns.ts";
import type { Actions } from "./use-actions.ts";
import type { Present } from "./use-presence.ts";
import { ValueEditor, type Drafts } from "./value-editor.tsx";

export interface DetailProps {
  readonly result: Result | undefined;
  readonly isPending: boolean;
  readonly isConnected: boolean;
  readonly who: readonly Present[];
  readonly actions: Actions;
  readonly drafts: Drafts;
  readonly onUndo: () => void;
  readonly onLeave: () => void;
  readonly onClose: () => void;
}

export function Detail({
  result,
  isPending,
  isConnected,
  who,
  actions,
  drafts,
  onUndo,
  onLeave,
  onClose,
}: DetailProps): ReactElement {
  if (result === undefined) {
    return (
      <aside className="detail" aria-label="Result">
        <State title="No result selected">
          Select a result, or press ↓. Press ? for the keyboard shortcuts.
        </State>
      </aside>
    );
  }
  const { id, field, status, reviewed_by: reviewer } = result;
  return (
    <aside className="detail" aria-label="Result" data-pending={isPending}>
      <header>
        <h2>{field}</h2>
        <span className="saving dim" aria-live="polite">
          {isPending ? (isConnected ? "saving" : "not saved") : ""}
        </span>
        <button type="button" className="plain close" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      <div className="detail-body">
        <p className="status" data-status={status}>
          {statusText(status)}
          {reviewer !== null && (
            <span className="dim">
              {" "}
              by {reviewer}
              <ReviewedAt at={result.reviewed_at} />
            </span>
          )}
        </p>
        <ValueEditor
          key={id}
          result={result}
          drafts={drafts}
          onSave={(text) => actions.edit(result, text)}
          onLeave={onLeave}
        />
        <Buttons result={result} actions={actions} onUndo={onUndo} />
        <Facts result={result} who={who} />
        {field === "supplier" && (
          <Matches result={result} onChoose={(match) => actions.choose(result, match)} />
        )}
      </div>
    </aside>
  );
}

/** A button without effect keeps its focus, so it is not `disabled`. */
function Buttons({
  result,
  actions,
  onUndo,
}: {
  readonly result: Result;
  readonly actions: Actions;
  readonly onUndo: () => void;
}): ReactElement {
  const { status, is_flagged: isFlagged } = result;
  return (
    <div className="buttons">
      <button
        type="button"
        onClick={() => status !== "accepted" && actions.setStatus(result, "accepted")}
        aria-disabled={status === "accepted"}
      >
        Accept <kbd>A</kbd>
      </button>
      <button
        type="button"
        onClick={() => status !== "rejected" && actions.setStatus(result, "rejected")}
        aria-disabled={status === "rejected"}
      >
        Reject <kbd>X</kbd>
      </button>
      <button type="button" onClick={() => actions.flag(result)} aria-pressed={isFlagged}>
        {isFlagged ? "⚑ Flagged" : "Flag"} <kbd>F</kbd>
      </button>
      <button type="button" onClick={onUndo} aria-disabled={actions.undoable === 0}>
        Undo <kbd>U</kbd>
      </button>
    </div>
  );
}

function Facts({
  result: { extracted, value, document: file, page, confidence },
  who,
}: {
  readonly result: Result;
  readonly who: readonly Present[];
}): ReactElement {
  return (
    <dl>
      <div>
        <dt>extracted value</dt>
        <dd className="mono">
          {extracted}
          {extracted !== value && <span className="dim"> (edited)</span>}
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
        <dd>{formatConfidence(confidence)} %</dd>
      </div>
      <div>
        <dt>also open by</dt>
        <dd>
          {who.length === 0 ? (
            <span className="dim">no one</span>
          ) : (
            who.map(({ name }) => name).join(", ")
          )}
        </dd>
      </div>
    </dl>
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
              <span className="number">{(match.score * 100).toFixed(1)} %</span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

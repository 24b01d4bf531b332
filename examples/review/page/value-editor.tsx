/**
 * The value of one result. The typed text stays until it is saved or discarded, also while another
 * result is selected. When another user changes the result meanwhile, a note says so in place, and
 * the next save is a choice between both values.
 */
import { useEffect, useState, type KeyboardEvent, type ReactElement } from "react";
import { me, type Result } from "./client.ts";
import { isSameDecision } from "./guarded-write.ts";
import { statusText } from "./result-columns.ts";

/** An edit that is not saved. */
interface Draft {
  /** Undefined until the user types. */
  readonly text: string | undefined;
  /** The result when the edit began. */
  readonly seen: Result;
  /** Another user's change, for which an attempt to save was refused. */
  readonly refusedFor: Result | undefined;
}

export type Drafts = Map<string, Draft>;

/** Typed texts of so many results are kept; the oldest goes. */
const DRAFTS_MAX = 100;

export interface ValueEditorProps {
  readonly result: Result;
  readonly drafts: Drafts;
  readonly onSave: (text: string) => void;
  /** The user is done with the field. */
  readonly onLeave: () => void;
}

export function ValueEditor({ result, drafts, onSave, onLeave }: ValueEditorProps): ReactElement {
  const [draft, setDraft] = useDraft(result, drafts);
  const text = draft?.text;
  const isMoved = draft !== undefined && !isSameDecision(draft.seen, result);
  const isConflict = isMoved && text !== undefined;
  const isRefused =
    isConflict && draft.refusedFor !== undefined && isSameDecision(draft.refusedFor, result);

  const save = (): void => {
    setDraft(undefined);
    onLeave();
    if (text !== undefined && text !== result.value) onSave(text);
  };
  const discard = (): void => setDraft({ text: undefined, seen: result, refusedFor: undefined });
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === "Escape") {
      if (text === undefined) onLeave();
      else discard();
    } else if (event.key === "Enter" && !event.repeat) {
      // The first attempt shows the other user's change; the second is the choice.
      if (isConflict && !isRefused) setDraft({ ...draft, refusedFor: result });
      else save();
    } else return;
    event.preventDefault();
  };

  return (
    <div className="value">
      <div className="label-line">
        <label htmlFor="value">value</label>
        {text !== undefined && (
          <div className="choices">
            <button type="button" onClick={save}>
              {isConflict ? "Save mine" : "Save"}
            </button>
            <button type="button" onClick={discard}>
              {isConflict ? "Keep theirs" : "Discard"}
            </button>
          </div>
        )}
      </div>
      <input
        id="value"
        data-edit
        value={text ?? result.value}
        autoComplete="off"
        spellCheck={false}
        aria-describedby="value-note"
        onFocus={() => draft === undefined && discard()}
        onChange={({ target }) =>
          setDraft({ seen: result, refusedFor: undefined, ...draft, text: target.value })
        }
        onBlur={() => text === undefined && setDraft(undefined)}
        onKeyDown={onKeyDown}
      />
      <p className="note" id="value-note" data-conflict={isConflict} aria-live="polite">
        {noteOf({ draft, result, isMoved, isRefused })}
      </p>
    </div>
  );
}

/** The draft of the result, kept while other results are shown. */
function useDraft(
  result: Result,
  drafts: Drafts,
): readonly [Draft | undefined, (draft: Draft | undefined) => void] {
  const { id } = result;
  const [draft, setState] = useState(() => drafts.get(id));
  const setDraft = (next: Draft | undefined): void => {
    drafts.delete(id);
    if (next?.text !== undefined) drafts.set(id, next);
    const [oldest] = drafts.keys();
    if (oldest !== undefined && drafts.size > DRAFTS_MAX) drafts.delete(oldest);
    setState(next);
  };
  // What this user decides elsewhere on the page is no conflict.
  const isOwn =
    draft !== undefined && result.reviewed_by === me.name && !isSameDecision(draft.seen, result);
  useEffect(() => {
    if (isOwn) setState((before) => before && { ...before, seen: result });
  }, [isOwn, result]);
  return [draft, setDraft];
}

function noteOf({
  draft,
  result,
  isMoved,
  isRefused,
}: {
  readonly draft: Draft | undefined;
  readonly result: Result;
  readonly isMoved: boolean;
  readonly isRefused: boolean;
}): string {
  if (draft === undefined) return "Type here to edit the value, or press E.";
  if (isMoved) {
    const change = changeText(draft.seen, result);
    return isRefused ? `Not saved: ${change} Enter saves your value, Esc keeps theirs.` : change;
  }
  return draft.text === undefined
    ? "Enter saves and accepts. Esc returns to the list."
    : "Not saved yet. Enter saves and accepts. Esc discards.";
}

function changeText(before: Result, { reviewed_by: who, value, status }: Result): string {
  const name = who ?? "Another user";
  return before.value === value
    ? `${name} has changed the status to “${statusText(status)}”.`
    : `${name} has changed this value to “${value}” (${statusText(status)}).`;
}

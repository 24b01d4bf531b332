/**
 * The actions of keys and buttons: writes, undo, and a toast when a write is refused. Decisions
 * carry the commit as of which the user has seen the row, so that none overwrites what another user
 * has decided in the meantime.
 */
import { useCallback, useMemo, useRef, useState } from "react";
import { MutationError, type PageCursor } from "tidemark/client";
import { client, me, reviewedBy, setFlag, type Match, type Result, type Status } from "./client.ts";
import { staleRow, writeGuarded, type Decision } from "./guarded-write.ts";
import { statusText } from "./result-columns.ts";

export interface Toast {
  readonly id: number;
  readonly text: string;
  /** Buttons; each closes the toast. */
  readonly choices: readonly { readonly label: string; readonly run: () => void }[];
}

/** The row as the user has seen it, and as of which commit. */
interface Seen {
  readonly result: Result;
  readonly since: PageCursor | undefined;
}

export interface Actions {
  readonly setStatus: (result: Result, status: Status) => void;
  readonly edit: (result: Result, value: string) => void;
  readonly choose: (result: Result, match: Match) => void;
  readonly flag: (result: Result) => void;
  /** Undoes the last step, and returns the row before it and the column that changes. */
  readonly undo: () => { readonly result: Result; readonly column: string } | undefined;
  readonly startJob: (projectId: number) => void;
  readonly dismiss: (id: number) => void;
  /** How many steps can be undone. */
  readonly undoable: number;
  readonly toasts: readonly Toast[];
}

const TOASTS_MAX = 4;
const UNDO_MAX = 200;
const DELETED = "the result was deleted.";

/** A decision: what it changes, how it is written, and how a refusal is worded. */
interface Plan {
  readonly seen: Seen;
  readonly after: Partial<Decision>;
  readonly write: (options: { readonly expectedSeq?: PageCursor }) => Promise<unknown>;
  /** `Not accepted`, … */
  readonly refused: string;
  /** The button that writes in spite of the other user's change. */
  readonly anyway: string;
}

/** A decision of this reviewer that can be undone. */
interface Step {
  readonly plan: Plan;
  /** The page's commit when the write was visible; before that, the one of the plan. */
  since: PageCursor | undefined;
}

export function useActions(): Actions {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const [steps, setSteps] = useState<readonly Step[]>([]);
  const stepsNow = useRef(steps);
  stepsNow.current = steps;
  const nextToast = useRef(1);

  const dismiss = useCallback(
    (id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)),
    [],
  );
  const tell = useCallback((text: string, choices: Toast["choices"]) => {
    const toast = { id: nextToast.current++, text, choices };
    setToasts((all) => [...all, toast].slice(-TOASTS_MAX));
  }, []);
  const own = useMemo(() => {
    const attempt = (write: () => Promise<unknown>): void => {
      write().catch((error: unknown) => {
        const again = { label: "Try again", run: () => attempt(write) };
        tell(messageOf(error), mayRetry(error) ? [again] : []);
      });
    };
    const decide = (plan: Plan): void => {
      const step: Step = { plan, since: plan.seen.since };
      setSteps((all) => [...all, step].slice(-UNDO_MAX));
      writeGuarded(plan.seen.result, plan.seen.since, plan.write).then(
        () => (step.since = client.cursor),
        (error: unknown) => {
          setSteps((all) => all.filter((other) => other !== step));
          const { text, choices } = refusalOf(error, plan, decide);
          tell(text, choices);
        },
      );
    };
    const undo: Actions["undo"] = () => {
      const step = stepsNow.current.at(-1);
      if (step === undefined) return undefined;
      setSteps((all) => all.filter((other) => other !== step));
      restore(step).catch((error: unknown) => {
        const row = staleRow(error);
        if (row === undefined) tell(messageOf(error), []);
        else tell(`Not undone: ${row === null ? DELETED : changeText(row)}`, []);
      });
      const { seen, after } = step.plan;
      return { result: seen.result, column: after.value === undefined ? "status" : "value" };
    };
    return { ...writesBy(decide, attempt), undo };
  }, [tell]);
  return useMemo(
    () => ({ ...own, dismiss, toasts, undoable: steps.length }),
    [own, dismiss, toasts, steps.length],
  );
}

/** The server refuses it when another user has changed the row since the step. */
function restore({ plan: { seen, after }, since }: Step): Promise<void> {
  const { id, value, status, supplier, reviewed_by } = seen.result;
  return writeGuarded({ ...seen.result, ...after }, since, (options) =>
    client.mutate.results.restore({ id, value, status, supplier, reviewed_by }, options),
  );
}

/** What a refused decision says, and what the user may do about it. */
function refusalOf(
  error: unknown,
  plan: Plan,
  decide: (plan: Plan) => void,
): Pick<Toast, "text" | "choices"> {
  const row = staleRow(error);
  if (row === undefined) {
    const again = { label: "Try again", run: () => decide(plan) };
    return { text: messageOf(error), choices: mayRetry(error) ? [again] : [] };
  }
  if (row === null) return { text: `${plan.refused}: ${DELETED}`, choices: [] };
  const seen = { result: row, since: client.cursor };
  return {
    text: `${plan.refused}: ${changeText(row)}${ownText(plan)}`,
    choices: [
      { label: plan.anyway, run: () => decide({ ...plan, seen }) },
      { label: "Keep theirs", run: () => {} },
    ],
  };
}

function writesBy(
  decide: (plan: Plan) => void,
  attempt: (write: () => Promise<unknown>) => void,
): Pick<Actions, "setStatus" | "edit" | "choose" | "flag" | "startJob"> {
  return {
    setStatus: (result, status) =>
      decide({
        seen: { result, since: client.cursor },
        after: { status },
        write: (options) => client.mutate.results.setStatus({ id: result.id, status }, options),
        refused: `Not ${statusText(status)}`,
        anyway: status === "accepted" ? "Accept anyway" : "Reject anyway",
      }),
    edit: (result, value) =>
      decide({
        seen: { result, since: client.cursor },
        after: { value: value.trim(), status: "accepted" },
        write: (options) => client.mutate.results.edit({ id: result.id, value }, options),
        refused: "Not saved",
        anyway: "Save mine",
      }),
    choose: (result, { id: match_id, supplier }) => {
      const after = { supplier, value: supplier, status: "accepted" } as const;
      const set = { ...after, ...reviewedBy(me.name) };
      decide({
        seen: { result, since: client.cursor },
        after,
        write: (options) =>
          client.mutate.results.chooseMatch(
            { id: result.id, match_id },
            { ...options, optimistic: { channel: "extraction_results", key: result.id, set } },
          ),
        refused: "Not saved",
        anyway: "Save mine",
      });
    },
    flag: (result) => attempt(() => setFlag(result.id, !result.is_flagged)),
    startJob: (project_id) => {
      const id = crypto.randomUUID();
      const file_name = `upload-${id.slice(0, 4)}.zip`;
      attempt(() => client.mutate.jobs.start({ id, project_id, file_name, pages: 12 }));
    },
  };
}

const mayRetry = (error: unknown): boolean =>
  !(error instanceof MutationError) || error.code === "MUTATION_FAILED";

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function changeText({ reviewed_by: who, field, document, status, value }: Result): string {
  return `${who ?? "another user"} has changed ${field} of ${document}. It is now ${statusText(status)}, with the value “${value}”.`;
}

/** The value that was not saved, so that the user can compare both. */
function ownText({ after: { value } }: Plan): string {
  return value === undefined ? "" : ` Your value: “${value}”.`;
}

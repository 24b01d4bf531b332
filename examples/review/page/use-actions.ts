/** What the keys and buttons do: writes, with a toast when one is refused, and the way back. */
import { useCallback, useMemo, useRef, useState } from "react";
import { MutationError } from "tidemark/client";
import { client, me, setFlag, type Match, type Result, type Status } from "./client.ts";

export interface Toast {
  readonly id: number;
  readonly text: string;
  readonly retry: (() => void) | undefined;
}

export interface Actions {
  readonly setStatus: (result: Result, status: Status) => void;
  readonly edit: (result: Result, value: string) => void;
  readonly choose: (result: Result, match: Match) => void;
  readonly flag: (result: Result) => void;
  readonly undo: () => void;
  readonly startJob: (projectId: number) => void;
  readonly dismiss: (id: number) => void;
  /** Steps that can be taken back. */
  readonly undoable: number;
  readonly toasts: readonly Toast[];
}

const TOASTS_MAX = 4;
const UNDO_MAX = 200;

/** A row as it was before a step of this reviewer. */
type Step = Pick<Result, "id" | "value" | "status" | "supplier" | "reviewed_by">;

export function useActions(): Actions {
  const [toasts, setToasts] = useState<readonly Toast[]>([]);
  const [steps, setSteps] = useState<readonly Step[]>([]);
  const stepsNow = useRef(steps);
  stepsNow.current = steps;
  const nextToast = useRef(1);

  const dismiss = useCallback((id: number) => setToasts((all) => all.filter((toast) => toast.id !== id)), []);
  const tell = useCallback((error: unknown, retry: () => void) => {
    const id = nextToast.current++;
    const mayRetry = !(error instanceof MutationError) || error.code === "MUTATION_FAILED";
    const again = (): void => {
      dismiss(id);
      retry();
    };
    setToasts((all) => [...all, { id, text: wordsFor(error), retry: mayRetry ? again : undefined }].slice(-TOASTS_MAX));
  }, [dismiss]);

  return useMemo(() => {
    const remember = ({ id, value, status, supplier, reviewed_by }: Result): void => setSteps((all) => [...all, { id, value, status, supplier, reviewed_by }].slice(-UNDO_MAX));
    const attempt = (write: () => Promise<unknown>): void => void write().catch((error: unknown) => tell(error, () => attempt(write)));
    return {
      setStatus: (result, status) => {
        remember(result);
        attempt(() => client.mutate.results.setStatus({ id: result.id, status }));
      },
      edit: (result, value) => {
        remember(result);
        attempt(() => client.mutate.results.edit({ id: result.id, value }));
      },
      choose: (result, { id: match_id, supplier }) => {
        remember(result);
        const set = { supplier, value: supplier, status: "accepted", reviewed_by: me.name };
        attempt(() => client.mutate.results.chooseMatch({ id: result.id, match_id }, { optimistic: { channel: "extraction_results", key: result.id, set } }));
      },
      flag: (result) => attempt(() => setFlag(result.id, !result.is_flagged)),
      undo: () => {
        const step = stepsNow.current.at(-1);
        if (step === undefined) return;
        setSteps((all) => all.slice(0, -1));
        // Not over what someone else has done to it meanwhile.
        const expectedSeq = client.position?.seq;
        attempt(() => client.mutate.results.restore(step, expectedSeq === undefined ? {} : { expectedSeq }));
      },
      startJob: (project_id) => {
        const id = crypto.randomUUID();
        attempt(() => client.mutate.jobs.start({ id, project_id, file_name: `upload-${id.slice(0, 4)}.zip`, pages: 12 }));
      },
      dismiss, toasts, undoable: steps.length,
    };
  }, [dismiss, tell, toasts, steps.length]);
}

function wordsFor(error: unknown): string {
  if (!(error instanceof MutationError)) return error instanceof Error ? error.message : String(error);
  if (error.code !== "STALE_WRITE") return error.message;
  const row = error.row as Result | null | undefined;
  return row == null ? "The result is gone." : `Not undone: ${row.reviewed_by ?? "someone"} has changed ${row.field} of ${row.document} since. It is ${row.status} with “${row.value}” now.`;
}

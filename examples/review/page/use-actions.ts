/** What the keys and buttons do: writes, with a toast when one is refused, and the way back. */
import { useCallback, useMemo, useRef, useState } from "react";
import { MutationError, type Position } from "tidemark/client";
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

/** A row as it was before a step of this reviewer, and where the page stood when the step was made. */
interface Step {
  readonly before: Pick<Result, "id" | "value" | "status" | "supplier" | "reviewed_by">;
  readonly made: Promise<Position | undefined>;
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
  const tell = useCallback(
    (error: unknown, retry: () => void) => {
      const id = nextToast.current++;
      const mayRetry = !(error instanceof MutationError) || error.code === "MUTATION_FAILED";
      const again = (): void => {
        dismiss(id);
        retry();
      };
      setToasts((all) =>
        [...all, { id, text: wordsFor(error), retry: mayRetry ? again : undefined }].slice(
          -TOASTS_MAX,
        ),
      );
    },
    [dismiss],
  );

  return useMemo(() => {
    const step = (
      { id, value, status, supplier, reviewed_by }: Result,
      write: () => Promise<unknown>,
    ): void => {
      const made = write().then(
        () => client.position,
        (error: unknown) => {
          setSteps((all) => all.filter((other) => other.made !== made));
          tell(error, () => step({ id, value, status, supplier, reviewed_by } as Result, write));
          return undefined;
        },
      );
      setSteps((all) =>
        [...all, { before: { id, value, status, supplier, reviewed_by }, made }].slice(-UNDO_MAX),
      );
    };
    const attempt = (write: () => Promise<unknown>): void =>
      void write().catch((error: unknown) => tell(error, () => attempt(write)));
    return {
      setStatus: (result, status) => {
        step(result, () => client.mutate.results.setStatus({ id: result.id, status }));
      },
      edit: (result, value) => {
        step(result, () => client.mutate.results.edit({ id: result.id, value }));
      },
      choose: (result, { id: match_id, supplier }) => {
        const set = { supplier, value: supplier, status: "accepted", reviewed_by: me.name };
        step(result, () =>
          client.mutate.results.chooseMatch(
            { id: result.id, match_id },
            { optimistic: { channel: "extraction_results", key: result.id, set } },
          ),
        );
      },
      flag: (result) => attempt(() => setFlag(result.id, !result.is_flagged)),
      undo: () => {
        const last = stepsNow.current.at(-1);
        if (last === undefined) return;
        setSteps((all) => all.filter((other) => other !== last));
        attempt(async () => {
          // Not over what someone else has done to it since, seen here or not.
          const expectedSeq = await last.made;
          if (expectedSeq !== undefined)
            await client.mutate.results.restore(last.before, { expectedSeq });
        });
      },
      startJob: (project_id) => {
        const id = crypto.randomUUID();
        attempt(() =>
          client.mutate.jobs.start({
            id,
            project_id,
            file_name: `upload-${id.slice(0, 4)}.zip`,
            pages: 12,
          }),
        );
      },
      dismiss,
      toasts,
      undoable: steps.length,
    };
  }, [dismiss, tell, toasts, steps.length]);
}

function wordsFor(error: unknown): string {
  if (!(error instanceof MutationError))
    return error instanceof Error ? error.message : String(error);
  if (error.code !== "STALE_WRITE") return error.message;
  const row = error.row as Result | null | undefined;
  return row == null
    ? "The result is gone."
    : `Not undone: ${row.reviewed_by ?? "someone"} has changed ${row.field} of ${row.document} since. It is ${row.status} with “${row.value}” now.`;
}

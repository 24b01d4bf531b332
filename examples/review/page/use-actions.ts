/** The actions of keys and buttons: writes, a toast when a write is refused, and undo. */
import { useCallback, useMemo, useRef, useState } from "react";
import { MutationError, type PageCursor } from "tidemark/client";
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
  /** How many steps can be undone. */
  readonly undoable: number;
  readonly toasts: readonly Toast[];
}

const TOASTS_MAX = 4;
const UNDO_MAX = 200;

/** A row before a step of this reviewer, and the seq of the page after the step. */
interface Step {
  readonly before: Pick<Result, "id" | "value" | "status" | "supplier" | "reviewed_by">;
  readonly made: Promise<PageCursor | undefined>;
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
  const report = useCallback(
    (error: unknown, retry: () => void) => {
      const id = nextToast.current++;
      const mayRetry = !(error instanceof MutationError) || error.code === "MUTATION_FAILED";
      const again = (): void => {
        dismiss(id);
        retry();
      };
      setToasts((all) =>
        [...all, { id, text: messageFor(error), retry: mayRetry ? again : undefined }].slice(
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
        () => client.cursor,
        (error: unknown) => {
          setSteps((all) => all.filter((other) => other.made !== made));
          report(error, () => step({ id, value, status, supplier, reviewed_by } as Result, write));
          return undefined;
        },
      );
      setSteps((all) =>
        [...all, { before: { id, value, status, supplier, reviewed_by }, made }].slice(-UNDO_MAX),
      );
    };
    const attempt = (write: () => Promise<unknown>): void =>
      void write().catch((error: unknown) => report(error, () => attempt(write)));
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
          // The server refuses it when another user has changed the row since, even if this page
          // has not shown that yet.
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
  }, [dismiss, report, toasts, steps.length]);
}

function messageFor(error: unknown): string {
  if (!(error instanceof MutationError))
    return error instanceof Error ? error.message : String(error);
  if (error.code !== "STALE_WRITE") return error.message;
  const row = error.row as Result | null | undefined;
  return row == null
    ? "The result was removed."
    : `Not undone: ${row.reviewed_by ?? "another user"} has changed ${row.field} of ${row.document}. It is now ${row.status}, with the value “${row.value}”.`;
}

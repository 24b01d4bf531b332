/**
 * The simulated model: it takes queued jobs and reads their documents one by one. Pages get its
 * results through the database, like those of any other program.
 */
import type { Database } from "./database.ts";
import { insertResults } from "./schema.ts";

const STEP_MS = 350;

/** Returns a function that stops the jobs; its promise resolves when the current step has ended. */
export function runJobs(
  database: Database,
  onError: (error: unknown) => void,
): () => Promise<void> {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let step: Promise<void> = Promise.resolve();
  const tick = (): void => {
    step = advance(database)
      .catch(onError)
      .then(() => {
        if (!isStopped) timer = setTimeout(tick, STEP_MS);
      });
  };
  tick();
  return async () => {
    isStopped = true;
    clearTimeout(timer);
    await step;
  };
}

interface Job {
  readonly id: string;
  readonly project_id: number;
  readonly pages: number;
  readonly pages_done: number;
}

/** Reads one document of each running job. The results and the job's progress are one commit. */
async function advance(database: Database): Promise<void> {
  const { rows } = await database.query<Job>(
    "SELECT id, project_id, pages, pages_done FROM extraction_jobs WHERE status IN ('queued', 'running') ORDER BY created_at LIMIT 4",
  );
  for (const { id, project_id, pages, pages_done } of rows) {
    await database.transaction(async (tx) => {
      const seed = 20_000 + hash(id) + pages_done;
      await insertResults(tx, { project: project_id, job: id, seed });
      const isLast = pages_done + 1 >= pages;
      await tx.query(
        "UPDATE extraction_jobs SET pages_done = pages_done + 1, status = $2 WHERE id = $1",
        [id, isLast ? "done" : "running"],
      );
    });
  }
}

function hash(text: string): number {
  let value = 0;
  for (const letter of text) value = (value * 31 + letter.charCodeAt(0)) % 60_000;
  return value;
}

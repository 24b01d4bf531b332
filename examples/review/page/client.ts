/** The page's client: the reviewer, and the optimistic changes of each write. */
import { createClient } from "tidemark/client";
import type { channels, mutations, Reviewer } from "../mutations.ts";
import type {
  ExtractionJobs as Job,
  ExtractionResults as Result,
  Projects as Project,
  SupplierMatches as Match,
  tables,
} from "../tables.ts";

export type Status = Result["status"];
export type { Job, Match, Project, Result };

export type Channels = typeof channels & typeof tables;

const NAMES = [
  "Ana",
  "Bruno",
  "Carla",
  "Diogo",
  "Elisa",
  "Filipe",
  "Inês",
  "Joana",
  "Miguel",
  "Rita",
];

/**
 * The reviewer that this tab keeps: `?as=Rita`, or any name. The name leaves the address, so that a
 * copied link opens the same page as somebody else.
 */
function whoAmI(): Reviewer {
  const parameters = new URLSearchParams(location.search);
  const kept = sessionStorage.getItem("reviewer");
  const name =
    parameters.get("as") ?? kept ?? (NAMES[Math.floor(Math.random() * NAMES.length)] as string);
  const id = (name === kept ? sessionStorage.getItem("reviewer-id") : null) ?? crypto.randomUUID();
  sessionStorage.setItem("reviewer", name);
  sessionStorage.setItem("reviewer-id", id);
  if (parameters.has("as")) {
    parameters.delete("as");
    history.replaceState(null, "", `?${parameters.toString()}`);
  }
  return { id, name };
}

/** A name that none of these people has. */
export function anotherName(taken: readonly string[]): string {
  return NAMES.find((name) => !taken.includes(name)) ?? "Guest";
}

export const me = whoAmI();
const RESULTS = "extraction_results";
/** With `?wait` the page shows writes only after the server has made them. */
const isWaiting = new URLSearchParams(location.search).has("wait");

export const client = createClient<Channels, typeof mutations>({
  url: new URL("/v2/stream", location.href).href,
  auth: me,
  optimistic: isWaiting
    ? {
        results: {
          setStatus: ({ id }) => ({ channel: RESULTS, key: id }),
          edit: ({ id }) => ({ channel: RESULTS, key: id }),
          restore: ({ id }) => ({ channel: RESULTS, key: id }),
          chooseMatch: ({ id }) => ({ channel: RESULTS, key: id }),
        },
      }
    : {
        results: {
          setStatus: ({ id, status }) => ({
            channel: RESULTS,
            key: id,
            set: { status, ...reviewedBy(status === "pending" ? null : me.name) },
          }),
          edit: ({ id, value }) => ({
            channel: RESULTS,
            key: id,
            set: { value: value.trim(), status: "accepted", ...reviewedBy(me.name) },
          }),
          restore: ({ id, value, status, supplier, reviewed_by }) => ({
            channel: RESULTS,
            key: id,
            set: { value, status, supplier, ...reviewedBy(reviewed_by) },
          }),
        },
        jobs: {
          start: ({ id, project_id, file_name, pages }) => ({
            channel: "extraction_jobs",
            key: id,
            insert: {
              id,
              project_id,
              file_name,
              status: "queued",
              pages,
              pages_done: 0,
              started_by: me.name,
              created_at: new Date().toISOString(),
            },
          }),
        },
      },
});

/** The columns that a review sets, with the time by this page's clock until the server's is there. */
export function reviewedBy(name: string | null): {
  readonly reviewed_by: string | null;
  readonly reviewed_at: string | null;
} {
  return { reviewed_by: name, reviewed_at: name === null ? null : new Date().toISOString() };
}

/**
 * Uses the application's own endpoint, which answers with the id of its transaction. While there is
 * no connection it tries again.
 */
export async function setFlag(id: string, isFlagged: boolean): Promise<void> {
  await client.write({
    name: "flag",
    optimistic: {
      channel: RESULTS,
      key: id,
      ...(!isWaiting && { set: { is_flagged: isFlagged } }),
    },
    run: async () => {
      const response = await post(`/api/results/${encodeURIComponent(id)}/flag`, { isFlagged });
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      return (await response.json()) as { txid: string };
    },
  });
}

/** Posts until the server answers. */
async function post(path: string, body: unknown): Promise<Response> {
  for (;;) {
    try {
      return await fetch(path, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      await nextConnection();
    }
  }
}

/** Resolves with the next news of an open connection, which come about once a second. */
function nextConnection(): Promise<void> {
  return new Promise((resolve) => {
    const stop = client.connection.subscribe(() => {
      if (client.connection.getSnapshot().state.kind !== "open") return;
      stop();
      resolve();
    });
  });
}

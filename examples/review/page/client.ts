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

/** The reviewer's name: `?as=Rita`, or a name that this tab keeps. */
function whoAmI(): Reviewer {
  const wanted = new URLSearchParams(location.search).get("as");
  const name =
    wanted ??
    sessionStorage.getItem("reviewer") ??
    (NAMES[Math.floor(Math.random() * NAMES.length)] as string);
  const id = sessionStorage.getItem("reviewer-id") ?? crypto.randomUUID();
  sessionStorage.setItem("reviewer", name);
  sessionStorage.setItem("reviewer-id", id);
  return { id, name };
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
            set: { status, reviewed_by: status === "pending" ? null : me.name },
          }),
          edit: ({ id, value }) => ({
            channel: RESULTS,
            key: id,
            set: { value: value.trim(), status: "accepted", reviewed_by: me.name },
          }),
          restore: ({ id, value, status, supplier, reviewed_by }) => ({
            channel: RESULTS,
            key: id,
            set: { value, status, supplier, reviewed_by },
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

/** Uses the application's own endpoint, which answers with the id of its transaction. */
export async function setFlag(id: string, isFlagged: boolean): Promise<void> {
  await client.write({
    name: "flag",
    optimistic: {
      channel: RESULTS,
      key: id,
      ...(!isWaiting && { set: { is_flagged: isFlagged } }),
    },
    run: async () => {
      const response = await fetch(`/api/results/${encodeURIComponent(id)}/flag`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ isFlagged }),
      });
      if (!response.ok) throw new Error(`The server answered ${response.status}.`);
      return (await response.json()) as { txid: string };
    },
  });
}

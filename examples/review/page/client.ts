/** The page's client: who reviews, and what each write is expected to do to rows. */
import { createClient, type TypedChannel } from "tidemark/client";
import type { channels, mutations, Reviewer } from "../mutations.ts";

export interface Project {
  readonly id: number;
  readonly name: string;
  readonly client: string;
  readonly due: string;
}
export interface Job {
  readonly id: string;
  readonly project_id: number;
  readonly file_name: string;
  readonly status: string;
  readonly pages: number;
  readonly pages_done: number;
  readonly started_by: string | null;
  readonly created_at: string;
}
export type Status = "pending" | "accepted" | "rejected";
export interface Result {
  readonly id: string;
  readonly project_id: number;
  readonly job_id: string;
  readonly document: string;
  readonly page: number;
  readonly field: string;
  readonly value: string;
  readonly extracted: string;
  readonly confidence: number;
  readonly status: Status;
  readonly supplier: string | null;
  readonly is_flagged: boolean;
  readonly reviewed_by: string | null;
  readonly reviewed_at: string | null;
}
export interface Match {
  readonly id: string;
  readonly result_id: string;
  readonly supplier: string;
  readonly vat_id: string;
  readonly score: number;
}

type Channels = typeof channels & {
  projects: TypedChannel<Project>;
  extraction_jobs: TypedChannel<Job>;
  extraction_results: TypedChannel<Result>;
  supplier_matches: TypedChannel<Match>;
};

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

/** `?as=Rita`, or a name that this tab keeps. */
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
/** `?wait` shows nothing before the server has done it. */
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

/** By the application's own endpoint, which answers with where its transaction lands. */
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

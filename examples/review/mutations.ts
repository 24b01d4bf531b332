/**
 * The mutations of reviewers. Each runs once, in a transaction. A refusal has a code, for which the
 * page has a message.
 */
import { forCaller, MutationError } from "tidemark";
import { count, derived } from "tidemark/derived";
import { z } from "zod";
import { tables } from "./tables.ts";

export interface Reviewer {
  /** The id of a tab. */
  readonly id: string;
  readonly name: string;
}

/** Handlers take what `authenticate` returns. */
const { channel, mutation } = forCaller<Reviewer>();

const STATUSES = ["pending", "accepted", "rejected"] as const;
const resultRow = ({ id }: { readonly id: string }): { channel: string; key: string } => ({
  channel: "extraction_results",
  key: id,
});

export const channels = {
  /** Which reviewer has which result open. Rows that are not renewed expire. */
  presence: channel({
    key: "id",
    row: z.object({
      id: z.string(),
      name: z.string(),
      project_id: z.number(),
      result_id: z.string().nullable(),
      renewals: z.number(),
    }),
    bounds: { rowsMax: 1_000, ageMsMax: 30_000 },
  }),
  /** How many results of a project have a status. A review changes two of these rows. */
  tallies: derived({
    from: { extraction_results: tables.extraction_results },
    over: "window",
    groupBy: { project_id: "project_id", status: "status" },
    columns: { results: count() },
  }),
};

const setStatus = mutation({
  input: z.object({ id: z.string(), status: z.enum(STATUSES) }),
  row: resultRow,
  handler: async ({ input: { id, status }, caller, tx }) => {
    const { rowCount } = await tx.query(
      `UPDATE extraction_results SET status = $2::text::review_status, reviewed_by = CASE WHEN $2::text = 'pending' THEN NULL ELSE $3 END, reviewed_at = CASE WHEN $2::text = 'pending' THEN NULL ELSE now() END WHERE id = $1`,
      [id, status, caller.name],
    );
    if (rowCount === 0) throw new MutationError("GONE", "This result does not exist any more.");
  },
});

const edit = mutation({
  input: z.object({ id: z.string(), value: z.string().max(500) }),
  row: resultRow,
  handler: async ({ input: { id, value }, caller, tx }) => {
    if (value.trim() === "")
      throw new MutationError("EMPTY_VALUE", "A value can't be empty. Reject the result instead.");
    const { rowCount } = await tx.query(
      "UPDATE extraction_results SET value = $2, status = 'accepted', reviewed_by = $3, reviewed_at = now() WHERE id = $1",
      [id, value.trim(), caller.name],
    );
    if (rowCount === 0) throw new MutationError("GONE", "This result does not exist any more.");
  },
});

/** Restores a row, unless another user has changed it since (`expectedSeq`). */
const restore = mutation({
  input: z.object({
    id: z.string(),
    value: z.string(),
    status: z.enum(STATUSES),
    supplier: z.string().nullable(),
    reviewed_by: z.string().nullable(),
  }),
  row: resultRow,
  handler: async ({ input: { id, value, status, supplier, reviewed_by }, tx }) => {
    await tx.query(
      "UPDATE extraction_results SET value = $2, status = $3, supplier = $4, reviewed_by = $5, reviewed_at = CASE WHEN $5::text IS NULL THEN NULL ELSE now() END WHERE id = $1",
      [id, value, status, supplier, reviewed_by],
    );
  },
});

const chooseMatch = mutation({
  input: z.object({ id: z.string(), match_id: z.string() }),
  row: resultRow,
  handler: async ({ input: { id, match_id }, caller, tx }) => {
    const { rowCount } = await tx.query(
      `UPDATE extraction_results r SET supplier = m.supplier, value = m.supplier, status = 'accepted', reviewed_by = $3, reviewed_at = now()
         FROM supplier_matches m WHERE r.id = $1 AND m.id = $2 AND m.result_id = r.id`,
      [id, match_id, caller.name],
    );
    if (rowCount === 0)
      throw new MutationError("NO_SUCH_MATCH", "This supplier is not among the result's matches.");
  },
});

const start = mutation({
  input: z.object({
    id: z.string().min(8),
    project_id: z.number().int(),
    file_name: z.string(),
    pages: z.number().int().min(1).max(200),
  }),
  handler: async ({ input: { id, project_id, file_name, pages }, caller, tx }) => {
    await tx.query(
      "INSERT INTO extraction_jobs (id, project_id, file_name, pages, started_by) VALUES ($1, $2, $3, $4, $5)",
      [id, project_id, file_name, pages, caller.name],
    );
  },
});

const look = mutation({
  source: "memory",
  input: z.object({
    project_id: z.number(),
    result_id: z.string().nullable(),
    renewals: z.number(),
  }),
  handler: ({ input, caller, write }) => {
    write.upsert("presence", { id: caller.id, name: caller.name, ...input });
  },
});

const leave = mutation({
  source: "memory",
  input: z.object({}),
  handler: ({ caller, write }) => write.remove("presence", caller.id),
});

export const mutations = {
  results: { setStatus, edit, restore, chooseMatch },
  jobs: { start },
  presence: { look, leave },
};

// Printed by `tidemark types` from the tables of a database. Don't edit; after a migration, print it again:
//   npx tidemark types --postgres "$DATABASE_URL" > tables.ts
import { table } from "tidemark/postgres";

/** A row of projects. */
export interface Projects {
  readonly id: number;
  readonly name: string;
  readonly client: string;
  /** date */
  readonly due: string;
}

/** A row of extraction_jobs. */
export interface ExtractionJobs {
  readonly id: string;
  readonly project_id: number;
  readonly file_name: string;
  readonly status: string;
  readonly pages: number;
  readonly pages_done: number;
  readonly started_by: string | null;
  /** timestamp with time zone */
  readonly created_at: string;
}

/** A row of extraction_results. */
export interface ExtractionResults {
  readonly id: string;
  readonly project_id: number;
  readonly job_id: string;
  readonly document: string;
  readonly page: number;
  readonly field: string;
  readonly value: string;
  readonly extracted: string;
  /** double precision */
  readonly confidence: number;
  readonly status: "pending" | "accepted" | "rejected";
  readonly supplier: string | null;
  readonly is_flagged: boolean;
  readonly reviewed_by: string | null;
  /** timestamp with time zone */
  readonly reviewed_at: string | null;
}

/** A row of supplier_matches. */
export interface SupplierMatches {
  readonly id: string;
  readonly result_id: string;
  readonly supplier: string;
  readonly vat_id: string;
  /** double precision */
  readonly score: number;
}

export const tables = {
  projects: table<Projects>({
    key: ["id"],
    columns: {
      id: { type: "integer" },
      name: { type: "text" },
      client: { type: "text" },
      due: { type: "date" },
    },
  }),
  extraction_jobs: table<ExtractionJobs>({
    key: ["id"],
    columns: {
      id: { type: "text" },
      project_id: { type: "integer" },
      file_name: { type: "text" },
      status: { type: "text" },
      pages: { type: "integer" },
      pages_done: { type: "integer" },
      started_by: { type: "text", isNullable: true },
      created_at: { type: "timestamp" },
    },
  }),
  extraction_results: table<ExtractionResults>({
    key: ["id"],
    columns: {
      id: { type: "text" },
      project_id: { type: "integer" },
      job_id: { type: "text" },
      document: { type: "text" },
      page: { type: "integer" },
      field: { type: "text" },
      value: { type: "text" },
      extracted: { type: "text" },
      confidence: { type: "float" },
      status: { type: "text", labels: ["pending", "accepted", "rejected"] },
      supplier: { type: "text", isNullable: true },
      is_flagged: { type: "boolean" },
      reviewed_by: { type: "text", isNullable: true },
      reviewed_at: { type: "timestamp", isNullable: true },
    },
  }),
  supplier_matches: table<SupplierMatches>({
    key: ["id"],
    columns: {
      id: { type: "text" },
      result_id: { type: "text" },
      supplier: { type: "text" },
      vat_id: { type: "text" },
      score: { type: "float" },
    },
  }),
};

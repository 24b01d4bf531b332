/**
 * The tables of the example and their first rows: invoices that a model has read, field by field.
 * They are seeded, so that each start has the same rows.
 */
import type { Queries } from "./database.ts";

const SCHEMA = [
  "DO $$ BEGIN CREATE TYPE review_status AS ENUM ('pending', 'accepted', 'rejected'); EXCEPTION WHEN duplicate_object THEN NULL; END $$",
  "CREATE TABLE IF NOT EXISTS projects (id int PRIMARY KEY, name text NOT NULL, client text NOT NULL, due date NOT NULL)",
  `CREATE TABLE IF NOT EXISTS extraction_jobs (
     id text PRIMARY KEY, project_id int NOT NULL REFERENCES projects, file_name text NOT NULL, status text NOT NULL DEFAULT 'queued',
     pages int NOT NULL, pages_done int NOT NULL DEFAULT 0, started_by text, created_at timestamptz NOT NULL DEFAULT now())`,
  `CREATE TABLE IF NOT EXISTS extraction_results (
     id text PRIMARY KEY, project_id int NOT NULL REFERENCES projects, job_id text NOT NULL REFERENCES extraction_jobs, document text NOT NULL, page int NOT NULL,
     field text NOT NULL, value text NOT NULL, extracted text NOT NULL, confidence float8 NOT NULL, status review_status NOT NULL DEFAULT 'pending',
     supplier text, is_flagged boolean NOT NULL DEFAULT false, reviewed_by text, reviewed_at timestamptz)`,
  `CREATE TABLE IF NOT EXISTS supplier_matches (
     id text PRIMARY KEY, result_id text NOT NULL REFERENCES extraction_results, supplier text NOT NULL, vat_id text NOT NULL, score float8 NOT NULL)`,
  "CREATE INDEX IF NOT EXISTS extraction_results_job ON extraction_results (job_id)",
  "CREATE INDEX IF NOT EXISTS supplier_matches_result ON supplier_matches (result_id)",
];

const PROJECTS = [
  ["Harbour logistics Q3", "Maersk Iberia"],
  ["Utilities 2026", "Câmara de Setúbal"],
  ["Clinic suppliers", "Luz Saúde"],
  ["Construction claims", "Mota & Filhos"],
  ["Retail energy audit", "Jerónimo Group"],
] as const;
const SUPPLIERS = [
  ["Nordwind Energie GmbH", "DE812345678"],
  ["Atlântico Papel Lda", "PT503218846"],
  ["Galvão & Reis SA", "PT500912374"],
  ["Lumen Optics BV", "NL004412398B01"],
  ["Ferraz Transportes", "PT507734120"],
  ["Brightwater Utilities", "GB284713362"],
  ["Ostrava Steel a.s.", "CZ27384910"],
  ["Clara Medical SL", "ESB8712345"],
  ["Tejo Instalações", "PT509341187"],
  ["Hansa Packaging AG", "DE298114503"],
] as const;
const FIELDS = [
  "invoice number",
  "invoice date",
  "supplier",
  "net amount",
  "VAT",
  "total",
  "due date",
  "IBAN",
] as const;
const JOBS_PER_PROJECT = 5;
const DOCUMENTS_PER_JOB = 15;

/** A number in [0, 1) that depends only on the seed. */
function chance(seed: number): number {
  let x = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return ((x ^ (x >>> 16)) >>> 0) / 2 ** 32;
}

interface Extracted {
  readonly document: string;
  readonly page: number;
  readonly field: string;
  readonly value: string;
  readonly confidence: number;
  readonly matches: readonly {
    readonly supplier: string;
    readonly vatId: string;
    readonly score: number;
  }[];
}

/** The results of one document: one per field. */
function extract(seed: number): readonly Extracted[] {
  const net = 40 + chance(seed * 7) * 9_400;
  const day = 1 + Math.floor(chance(seed * 11) * 28);
  const supplier = Math.floor(chance(seed * 13) * SUPPLIERS.length);
  const two = (value: number): string => String(value).padStart(2, "0");
  const money = (value: number): string => value.toFixed(2);
  const values: Readonly<Record<(typeof FIELDS)[number], string>> = {
    "invoice number": `F${2_026_000 + (seed % 971)}/${1 + (seed % 89)}`,
    "invoice date": `2026-${two(1 + (seed % 10))}-${two(day)}`,
    supplier: SUPPLIERS[supplier]?.[0] ?? "",
    "net amount": money(net),
    VAT: money(net * 0.23),
    total: money(net * 1.23),
    "due date": `2026-${two(2 + (seed % 10))}-${two(day)}`,
    IBAN: `PT50 00${two(seed % 90)} ${String(1_000 + (seed % 8_999))} ${String(10_000_000 + (seed % 89_999_999))} ${two(seed % 97)}`,
  };
  return FIELDS.map((field, index) => ({
    document: `INV-${String(10_000 + seed)}.pdf`,
    page: 1 + (index > 5 ? 1 : 0),
    field,
    value: values[field],
    confidence: Math.round((0.42 + chance(seed * 31 + index) ** 0.5 * 0.57) * 1_000) / 1_000,
    matches:
      field === "supplier"
        ? [0, 1, 2].map((step) => {
            const [name, vatId] = SUPPLIERS[(supplier + step * 3) % SUPPLIERS.length] ?? ["", ""];
            return {
              supplier: name,
              vatId,
              score: Math.round((0.97 - step * 0.21 - chance(seed + step) * 0.1) * 1_000) / 1_000,
            };
          })
        : [],
  }));
}

/** Creates missing tables, and rows unless the database has projects already. */
export async function prepare(database: Queries): Promise<void> {
  for (const statement of SCHEMA) await database.query(statement);
  const { rows } = await database.query<{ any: boolean }>(
    "SELECT EXISTS (SELECT 1 FROM projects) AS any",
  );
  if (rows[0]?.any === true) return;
  for (const [index, [name, client]] of PROJECTS.entries()) {
    await database.query(
      "INSERT INTO projects (id, name, client, due) VALUES ($1, $2, $3, current_date + $4::int)",
      [index + 1, name, client, 6 + index * 9],
    );
    for (let job = 0; job < JOBS_PER_PROJECT; job++) await seedJob(database, index + 1, job);
  }
}

async function seedJob(database: Queries, project: number, job: number): Promise<void> {
  const id = `job-${project}-${job}`;
  await database.query(
    "INSERT INTO extraction_jobs (id, project_id, file_name, status, pages, pages_done, created_at) VALUES ($1, $2, $3, 'done', $4, $4, now() - $5::int * interval '1 hour')",
    [id, project, `batch-${project}${job + 1}.zip`, DOCUMENTS_PER_JOB, 30 - job * 5 - project],
  );
  for (let document = 0; document < DOCUMENTS_PER_JOB; document++) {
    const seed = project * 1_000 + job * 100 + document;
    // Most results of earlier batches are reviewed.
    const reviewed = job < 2 ? 0.94 : job === 2 ? 0.5 : 0;
    await insertResults(database, {
      project,
      job: id,
      seed,
      statusOf: (index) =>
        chance(seed * 17 + index) < reviewed
          ? chance(seed * 19 + index) < 0.08
            ? "rejected"
            : "accepted"
          : "pending",
    });
  }
}

/** Writes the results of one document. */
export async function insertResults(
  database: Queries,
  {
    project,
    job,
    seed,
    statusOf = () => "pending",
  }: {
    readonly project: number;
    readonly job: string;
    readonly seed: number;
    readonly statusOf?: (index: number) => string;
  },
): Promise<void> {
  const results = extract(seed);
  const rows = results.map(({ document, page, field, value, confidence }, index) => ({
    id: `${job}-${seed}-${index}`,
    project_id: project,
    job_id: job,
    document,
    page,
    field,
    value,
    extracted: value,
    confidence,
    status: statusOf(index),
    reviewed_by: statusOf(index) === "pending" ? null : "import",
    reviewed_at: null,
  }));
  await database.query(
    `INSERT INTO extraction_results (id, project_id, job_id, document, page, field, value, extracted, confidence, status, reviewed_by)
     SELECT id, project_id, job_id, document, page, field, value, extracted, confidence, status, reviewed_by
       FROM json_to_recordset($1::json) AS r(id text, project_id int, job_id text, document text, page int, field text, value text, extracted text, confidence float8, status review_status, reviewed_by text)`,
    [JSON.stringify(rows)],
  );
  const matches = results.flatMap(({ matches: found }, index) =>
    found.map((match, place) => ({
      id: `${job}-${seed}-${index}-${place}`,
      result_id: `${job}-${seed}-${index}`,
      supplier: match.supplier,
      vat_id: match.vatId,
      score: match.score,
    })),
  );
  await database.query(
    "INSERT INTO supplier_matches (id, result_id, supplier, vat_id, score) SELECT * FROM json_to_recordset($1::json) AS m(id text, result_id text, supplier text, vat_id text, score float8)",
    [JSON.stringify(matches)],
  );
}

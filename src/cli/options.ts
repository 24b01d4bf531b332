/** The options of the command line: which there are, and what their texts mean. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf, TidemarkError } from "../std/errors.ts";

const OPTIONS = {
  postgres: { type: "string" },
  table: { type: "string", multiple: true },
  schema: { type: "string" },
  "trust-owner": { type: "string", multiple: true },
  "grant-txid": { type: "string", multiple: true },
  role: { type: "string" },
  rows: { type: "string" },
  port: { type: "string" },
  host: { type: "string" },
  "allow-origin": { type: "string", multiple: true },
  "allow-public": { type: "boolean" },
  "log-level": { type: "string" },
  where: { type: "string" },
  auth: { type: "string" },
  channel: { type: "string" },
  change: { type: "string" },
  origin: { type: "string" },
  timeout: { type: "string" },
  header: { type: "string", multiple: true },
  mutation: { type: "string" },
  ingest: { type: "string" },
  rule: { type: "string", multiple: true },
  slow: { type: "boolean" },
  left: { type: "string" },
  right: { type: "string" },
  keys: { type: "string", multiple: true },
  rename: { type: "string", multiple: true },
  ignore: { type: "string", multiple: true },
  approximate: { type: "string", multiple: true },
  minutes: { type: "string" },
  interval: { type: "string" },
  settle: { type: "string" },
  report: { type: "string" },
  gate: { type: "string" },
  soak: { type: "string" },
  help: { type: "boolean", short: "h" },
} satisfies ParseArgsConfig["options"];

export type Values = ReturnType<typeof parse>["values"];

export function parse(): ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>
> {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw bad(messageOf(error));
  }
}

export function snapshotUrl(option: string, text: string | undefined): string {
  if (text !== undefined && /^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw bad(`${option} takes the address of a snapshot, such as http://localhost:8080/v2/snapshot`);
}

/** The names in options such as `--table a,b --table c`. */
export function listOf(lists: readonly string[]): readonly string[] {
  return lists
    .flatMap((names) => names.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

/**
 * The address of the stream: `http` becomes `ws`, and the default path is added when there is none.
 */
export function streamUrl(text: string): string {
  if (!/^(ws|http)s?:\/\//.test(text) || !URL.canParse(text))
    throw bad(`"${text}" is not an address such as ws://localhost:8080/v2/stream`);
  const url = new URL(text.replace(/^http/, "ws"));
  if (url.pathname === "/") url.pathname = "/v2/stream";
  return url.href;
}

/** Headers from lines such as `Name: value`. */
export function headersOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined)
        throw bad(`--header takes "Name: value", not "${line}"`);
      return [name.toLowerCase(), value];
    }),
  );
}

export function databaseUrl(option: string | undefined): string {
  const url = option ?? process.env["DATABASE_URL"];
  if (url !== undefined && /^postgres(ql)?:\/\//.test(url)) return url;
  throw bad(
    url === undefined
      ? "name the database: --postgres postgres://user@host/database, or DATABASE_URL"
      : "the address of the database does not start with postgres://",
  );
}

export function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw bad(`${name} takes a whole number, not "${text}"`);
}

export function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (value > 0 && value <= 100_000) return value;
  throw bad(`${name} takes a number above 0, not "${text}"`);
}

export function portNumber(text: string | undefined): number {
  const port = wholeNumber("--port", text, 8080);
  if (port > 65_535) throw bad("--port takes a number up to 65535");
  return port;
}

export function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `${message}. See tidemark --help.`);
}

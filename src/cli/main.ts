#!/usr/bin/env node
/**
 * The command line: `tidemark serve`, `types`, `demo`, `tail`, `doctor`, `conformance`,
 * `shadow`, `uninstall`. Only this file reads the environment.
 */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { holdOpen, systemClock } from "../std/clock.ts";
import { messageOf, TidemarkError } from "../std/errors.ts";
import { conformance } from "./conformance.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import { HELP } from "./help.ts";
import { serve } from "./serve.ts";
import { parsePairs } from "./shadow/channel-pairs.ts";
import { gate } from "./shadow/gate.ts";
import { shadow } from "./shadow.ts";
import { tail } from "./tail.ts";
import { types } from "./types.ts";
import { uninstallFrom } from "./uninstall.ts";

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

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"];

async function main(): Promise<void> {
  const { values, positionals } = parse();
  const [command = "help", ...rest] = positionals;
  if (values.help === true || command === "help") return print(HELP);
  const [first, second, ...more] = rest;
  const taken = { tail: 2, doctor: 1, conformance: 1 }[command] ?? 0;
  if (more.length > 0 || rest.length > taken)
    throw bad(`"${rest[taken]}" is not understood after ${command}`);
  const listen = {
    port: portNumber(values.port ?? process.env["PORT"]),
    host: values.host ?? "127.0.0.1",
    allowPublic: values["allow-public"] === true,
    allowedOrigins: values["allow-origin"] ?? [],
  };
  const logLevel = values["log-level"];
  if (logLevel !== undefined && !LOG_LEVELS.includes(logLevel))
    throw bad(`--log-level is one of ${LOG_LEVELS.join(", ")}`);
  // These commands wait on the clock, whose timers do not keep the process alive.
  if (taken > 0 || command === "shadow") holdOpen();
  switch (command) {
    case "demo":
      return demo({ ...listen, logLevel: logLevel ?? "warn", print });
    case "serve":
      return serve({
        ...listen,
        url: databaseUrl(values.postgres),
        tables: values.table === undefined ? undefined : listOf(values.table),
        trustedOwners: listOf(values["trust-owner"] ?? []),
        txidRoles: listOf(values["grant-txid"] ?? []),
        rowsMax: wholeNumber("--rows", values.rows, 100_000),
        logLevel: logLevel ?? "info",
        print,
      });
    case "types":
      return types({
        url: databaseUrl(values.postgres),
        tables: values.table === undefined ? undefined : listOf(values.table),
        schema: values.schema,
        write: (text) => void process.stdout.write(text),
        warn: (line) => void process.stderr.write(`${line}\n`),
      });
    case "tail":
      if (first === undefined || second === undefined)
        throw bad(
          "name the server and the channel: tidemark tail ws://localhost:8080/v2/stream CHANNEL",
        );
      return tail({
        url: streamUrl(first),
        channel: second,
        where: values.where,
        limit: wholeNumber("--rows", values.rows, 30),
        auth: values.auth,
        output: process.stdout,
      });
    case "doctor":
      if (values.role !== undefined) return printRole(databaseUrl(values.postgres), values.role);
      return exitWith(
        await doctor({
          server: first ?? "http://localhost:8080",
          postgres: values.postgres ?? process.env["DATABASE_URL"],
          change: values.change,
          channel: values.channel,
          origin: values.origin,
          print,
        }),
      );
    case "conformance":
      if (first === undefined)
        throw bad("name the server: tidemark conformance ws://localhost:8080/v2/stream");
      return exitWith(
        await conformance({
          url: streamUrl(first),
          channel: values.channel,
          auth: values.auth,
          headers: headersOf(values.header ?? []),
          mutation: values.mutation,
          ingest: values.ingest,
          timeoutMs: wholeNumber("--timeout", values.timeout, 5_000),
          isSlow: values.slow === true,
          rules: values.rule,
          print,
        }),
      );
    case "shadow":
      return exitWith(await compared(values));
    case "uninstall":
      return uninstallFrom(databaseUrl(values.postgres), print);
    default:
      throw bad(`there is no command "${command}"`);
  }
}

/** `tidemark shadow`, which compares, or decides by the reports of a comparison and a soak. */
function compared(values: ReturnType<typeof parse>["values"]): Promise<number> | number {
  if (values.gate !== undefined)
    return gate({ shadow: values.gate, soak: values.soak ?? "soak-report/report.json", print });
  return shadow({
    left: snapshotUrl("--left", values.left),
    right: snapshotUrl("--right", values.right),
    pairs: parsePairs({
      keys: values.keys ?? [],
      renames: values.rename ?? [],
      ignored: values.ignore ?? [],
      approximate: values.approximate ?? [],
    }),
    minutes: positive("--minutes", values.minutes, 10),
    intervalMs: positive("--interval", values.interval, 5) * 1_000,
    settleMs: positive("--settle", values.settle, 3) * 1_000,
    headers: headersOf(values.header ?? []),
    timeoutMs: wholeNumber("--timeout", values.timeout, 5_000),
    report: values.report,
    signal: untilSignal(),
    print,
  });
}

/** Aborted when the process is asked to end; asked again, it ends at once. */
function untilSignal(): AbortSignal {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort();
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  return controller.signal;
}

function snapshotUrl(option: string, text: string | undefined): string {
  if (text !== undefined && /^https?:\/\//.test(text) && URL.canParse(text)) return text;
  throw bad(`${option} takes the address of a snapshot, such as http://localhost:8080/v2/snapshot`);
}

/** The names in options such as `--table a,b --table c`. */
function listOf(lists: readonly string[]): readonly string[] {
  return lists
    .flatMap((names) => names.split(","))
    .map((name) => name.trim())
    .filter((name) => name !== "");
}

async function printRole(url: string, role: string): Promise<void> {
  const { roleScript } = await import("../sources/postgres/role-script.ts");
  process.stdout.write(await roleScript(url, role));
  exitWith(0);
}

function parse(): ReturnType<
  typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>
> {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw bad(messageOf(error));
  }
}

/**
 * The address of the stream: `http` becomes `ws`, and the default path is added when there is none.
 */
function streamUrl(text: string): string {
  if (!/^(ws|http)s?:\/\//.test(text) || !URL.canParse(text))
    throw bad(`"${text}" is not an address such as ws://localhost:8080/v2/stream`);
  const url = new URL(text.replace(/^http/, "ws"));
  if (url.pathname === "/") url.pathname = "/v2/stream";
  return url.href;
}

/** Headers from lines such as `Name: value`. */
function headersOf(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value] = /^([\w-]+):\s*(.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined)
        throw bad(`--header takes "Name: value", not "${line}"`);
      return [name.toLowerCase(), value];
    }),
  );
}

function exitWith(code: number): void {
  process.exitCode = code;
  // Abandoned connections may still be closing, and would keep the process alive.
  systemClock.soon(() => process.exit(code));
}

function databaseUrl(option: string | undefined): string {
  const url = option ?? process.env["DATABASE_URL"];
  if (url !== undefined && /^postgres(ql)?:\/\//.test(url)) return url;
  throw bad(
    url === undefined
      ? "name the database: --postgres postgres://user@host/database, or DATABASE_URL"
      : "the address of the database does not start with postgres://",
  );
}

function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw bad(`${name} takes a whole number, not "${text}"`);
}

function positive(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (value > 0 && value <= 100_000) return value;
  throw bad(`${name} takes a number above 0, not "${text}"`);
}

function portNumber(text: string | undefined): number {
  const port = wholeNumber("--port", text, 8080);
  if (port > 65_535) throw bad("--port takes a number up to 65535");
  return port;
}

function bad(message: string): TidemarkError {
  return new TidemarkError("BAD_OPTION", `${message}. See tidemark --help.`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

main().catch((error: unknown) => {
  const isExpected = error instanceof TidemarkError;
  process.stderr.write(
    isExpected
      ? `tidemark: ${error.message} [${error.code}]\n`
      : `tidemark failed: ${error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exit(isExpected ? 2 : 1);
});

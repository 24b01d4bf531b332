#!/usr/bin/env node
/** The command line: `tidemark serve`, `tidemark demo`, `tidemark uninstall`. The one place that reads the environment. */
import { parseArgs, type ParseArgsConfig } from "node:util";
import { messageOf, TidemarkError } from "../std/errors.ts";
import { demo } from "./demo.ts";
import { HELP } from "./help.ts";
import { serve } from "./serve.ts";
import { uninstallFrom } from "./uninstall.ts";

const OPTIONS = {
  postgres: { type: "string" },
  table: { type: "string", multiple: true },
  rows: { type: "string" },
  port: { type: "string" },
  host: { type: "string" },
  "allow-origin": { type: "string", multiple: true },
  "allow-public": { type: "boolean" },
  "log-level": { type: "string" },
  help: { type: "boolean", short: "h" },
} satisfies ParseArgsConfig["options"];

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"];

async function main(): Promise<void> {
  const { values, positionals } = parse();
  const [command = "help", ...rest] = positionals;
  if (values.help === true || command === "help") return print(HELP);
  if (rest.length > 0) throw bad(`"${rest[0]}" is not understood after ${command}`);
  const listen = {
    port: portNumber(values.port ?? process.env["PORT"]),
    host: values.host ?? "127.0.0.1",
    allowPublic: values["allow-public"] === true,
    allowedOrigins: values["allow-origin"] ?? [],
  };
  const logLevel = values["log-level"];
  if (logLevel !== undefined && !LOG_LEVELS.includes(logLevel)) throw bad(`--log-level is one of ${LOG_LEVELS.join(", ")}`);
  switch (command) {
    case "demo":
      return demo({ ...listen, logLevel: logLevel ?? "warn", print });
    case "serve":
      return serve({
        ...listen,
        url: databaseUrl(values.postgres),
        tables: values.table?.flatMap((names) => names.split(",")).map((name) => name.trim()).filter((name) => name !== ""),
        rowsMax: wholeNumber("--rows", values.rows, 100_000),
        logLevel: logLevel ?? "info",
        print,
      });
    case "uninstall":
      return uninstallFrom(databaseUrl(values.postgres), print);
    default:
      throw bad(`there is no command "${command}"`);
  }
}

function parse(): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw bad(messageOf(error));
  }
}

function databaseUrl(option: string | undefined): string {
  const url = option ?? process.env["DATABASE_URL"];
  if (url !== undefined && /^postgres(ql)?:\/\//.test(url)) return url;
  throw bad(url === undefined ? "say which database: --postgres postgres://user@host/database, or DATABASE_URL" : "the address of the database does not start with postgres://");
}

function wholeNumber(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined || text === "") return fallback;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw bad(`${name} takes a whole number, not "${text}"`);
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
  process.stderr.write(isExpected ? `tidemark: ${error.message} [${error.code}]\n` : `tidemark failed: ${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(isExpected ? 2 : 1);
});

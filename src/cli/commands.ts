/** The commands of the command line. */
import { holdOpen, systemClock } from "../std/clock.ts";
import { conformance } from "./conformance.ts";
import { demo } from "./demo.ts";
import { doctor } from "./doctor.ts";
import {
  bad,
  databaseUrl,
  headersOf,
  listOf,
  portNumber,
  positive,
  snapshotUrl,
  streamUrl,
  wholeNumber,
  type Values,
} from "./options.ts";
import { serve } from "./serve.ts";
import { parsePairs } from "./shadow/channel-pairs.ts";
import { gate } from "./shadow/gate.ts";
import { shadow } from "./shadow.ts";
import { tail } from "./tail.ts";
import { types } from "./types.ts";
import { uninstallFrom } from "./uninstall.ts";

export interface Command {
  /** Arguments that it takes at most. */
  readonly argumentsMax: number;
  readonly run: (values: Values, given: readonly string[]) => Promise<void> | void;
}

export const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["demo", { argumentsMax: 0, run: runDemo }],
  ["serve", { argumentsMax: 0, run: runServe }],
  ["types", { argumentsMax: 0, run: runTypes }],
  ["tail", { argumentsMax: 2, run: waiting(runTail) }],
  ["doctor", { argumentsMax: 1, run: waiting(runDoctor) }],
  ["conformance", { argumentsMax: 1, run: waiting(runConformance) }],
  ["shadow", { argumentsMax: 0, run: waiting(runShadow) }],
  ["uninstall", { argumentsMax: 0, run: runUninstall }],
]);

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "silent"];

/** A command that waits on the clock, whose timers do not keep the process alive. */
function waiting(run: Command["run"]): Command["run"] {
  return (values, given) => {
    holdOpen();
    return run(values, given);
  };
}

function runDemo(values: Values): Promise<void> {
  return demo({ ...listenOf(values), logLevel: logLevelOf(values) ?? "warn", print });
}

function runServe(values: Values): Promise<void> {
  return serve({
    ...listenOf(values),
    url: databaseUrl(values.postgres),
    tables: values.table === undefined ? undefined : listOf(values.table),
    trustedOwners: listOf(values["trust-owner"] ?? []),
    txidRoles: listOf(values["grant-txid"] ?? []),
    rowsMax: wholeNumber("--rows", values.rows, 100_000),
    logLevel: logLevelOf(values) ?? "info",
    print,
  });
}

function runTypes(values: Values): Promise<void> {
  return types({
    url: databaseUrl(values.postgres),
    tables: values.table === undefined ? undefined : listOf(values.table),
    schema: values.schema,
    write: (text) => void process.stdout.write(text),
    warn: (line) => void process.stderr.write(`${line}\n`),
  });
}

function runTail(values: Values, [server, channel]: readonly string[]): Promise<void> {
  if (server === undefined || channel === undefined)
    throw bad(
      "name the server and the channel: tidemark tail ws://localhost:8080/v2/stream CHANNEL",
    );
  return tail({
    url: streamUrl(server),
    channel,
    where: values.where,
    limit: wholeNumber("--rows", values.rows, 30),
    auth: values.auth,
    output: process.stdout,
  });
}

async function runDoctor(values: Values, [server]: readonly string[]): Promise<void> {
  if (values.role !== undefined) return printRole(databaseUrl(values.postgres), values.role);
  exitWith(
    await doctor({
      server: server ?? "http://localhost:8080",
      postgres: values.postgres ?? process.env["DATABASE_URL"],
      change: values.change,
      channel: values.channel,
      origin: values.origin,
      print,
    }),
  );
}

async function runConformance(values: Values, [server]: readonly string[]): Promise<void> {
  if (server === undefined)
    throw bad("name the server: tidemark conformance ws://localhost:8080/v2/stream");
  exitWith(
    await conformance({
      url: streamUrl(server),
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
}

async function runShadow(values: Values): Promise<void> {
  exitWith(await compared(values));
}

function runUninstall(values: Values): Promise<void> {
  return uninstallFrom(databaseUrl(values.postgres), print);
}

function listenOf(values: Values) {
  return {
    port: portNumber(values.port ?? process.env["PORT"]),
    host: values.host ?? "127.0.0.1",
    allowPublic: values["allow-public"] === true,
    allowedOrigins: values["allow-origin"] ?? [],
  };
}

function logLevelOf(values: Values): string | undefined {
  const level = values["log-level"];
  if (level === undefined || LOG_LEVELS.includes(level)) return level;
  throw bad(`--log-level is one of ${LOG_LEVELS.join(", ")}`);
}

/** `tidemark shadow`, which compares, or decides by the reports of a comparison and a soak. */
function compared(values: Values): Promise<number> | number {
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

async function printRole(url: string, role: string): Promise<void> {
  const { roleScript } = await import("../sources/postgres/role-script.ts");
  process.stdout.write(await roleScript(url, role));
  exitWith(0);
}

function exitWith(code: number): void {
  process.exitCode = code;
  // Abandoned connections may still be closing, and would keep the process alive.
  systemClock.soon(() => process.exit(code));
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

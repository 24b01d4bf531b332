/**
 * `tidemark shadow --gate`: whether the routes that were compared may take each other's place. It
 * takes the report of a comparison without any difference and the report of a soak without any
 * failure, and names each reason against it.
 */
import { readFileSync } from "node:fs";
import { messageOf } from "../../std/errors.ts";
import { faultsOf, REPORT_KIND, type ShadowReport } from "./report.ts";

export interface GateOptions {
  /** The file of a report of `tidemark shadow`. */
  readonly shadow: string;
  /** The file `report.json` that a soak writes. */
  readonly soak: string;
  readonly print: (line: string) => void;
}

interface SoakGate {
  readonly what?: unknown;
  readonly measured?: unknown;
  readonly ceiling?: unknown;
}

interface SoakReport {
  readonly scenario?: unknown;
  readonly minutes?: unknown;
  readonly passed?: unknown;
  readonly gates?: unknown;
  readonly failures?: unknown;
}

const SOAK_MINUTES_MIN = 60;

/** Returns the exit code of the process: 0 when the gate is passed. */
export function gate({ shadow, soak, print }: GateOptions): number {
  const faults = [
    ...faultsIn(shadow, "the comparison", (report) => shadowFaults(report, print)),
    ...faultsIn(soak, "the soak", (report) => soakFaults(report, print)),
  ];
  for (const fault of faults) print(`FAIL ${fault}`);
  print(faults.length === 0 ? "The gate is passed." : "The gate is not passed.");
  return faults.length === 0 ? 0 : 1;
}

function faultsIn(
  file: string,
  what: string,
  faults: (report: object) => readonly string[],
): readonly string[] {
  let report: unknown;
  try {
    report = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return [`the report of ${what} can't be read: ${messageOf(error)}`];
  }
  if (typeof report !== "object" || report === null) return [`${file} is no report of ${what}`];
  return faults(report);
}

function shadowFaults(report: object, print: GateOptions["print"]): readonly string[] {
  if (!isShadowReport(report)) return ["the comparison: this is no report of tidemark shadow"];
  const { left, right, minutes, rounds, channels } = report;
  print(`Compared ${left} and ${right} for ${minutes} minutes, ${rounds} rounds.`);
  for (const { left: name, ignored, approximate } of channels) {
    if (ignored.length > 0) print(`Not compared: ${ignored.join(", ")} of ${name}.`);
    if (approximate.length > 0)
      print(`Compared to a billionth: ${approximate.join(", ")} of ${name}.`);
  }
  return [
    ...(channels.length === 0 ? ["the comparison: it has no channels"] : []),
    ...faultsOf(report).map((fault) => `the comparison: ${fault}`),
  ];
}

function soakFaults(report: SoakReport, print: GateOptions["print"]): readonly string[] {
  const { scenario, minutes, passed, failures } = report;
  const gates = Array.isArray(report.gates) ? (report.gates as readonly SoakGate[]) : [];
  print(`Soak of ${String(scenario)}: ${String(minutes)} minutes, ${gates.length} gates.`);
  const isLong = typeof minutes === "number" && minutes >= SOAK_MINUTES_MIN;
  const texts = [
    ...(isLong ? [] : [`it ran ${String(minutes)} of ${SOAK_MINUTES_MIN} minutes`]),
    ...(gates.length > 0 ? [] : ["it has no gates"]),
    ...gates.flatMap(faultsOfGate),
    ...(Array.isArray(failures) ? failures.map(String) : ["it does not say what failed"]),
    ...(passed === true ? [] : ["it did not pass"]),
  ];
  return [...new Set(texts)].map((text) => `the soak: ${text}`);
}

/** In the words of the soak's own report. */
function faultsOfGate({ what, measured, ceiling }: SoakGate): readonly string[] {
  if (typeof measured !== "number" || typeof ceiling !== "number")
    return [`${String(what)} was not measured`];
  return measured <= ceiling ? [] : [`${String(what)} is ${measured.toFixed(2)}, above ${ceiling}`];
}

function isShadowReport(report: object): report is ShadowReport {
  const { kind, channels, errors } = report as Partial<ShadowReport>;
  return kind === REPORT_KIND && Array.isArray(channels) && errors !== undefined;
}

/** The report of a soak: gates, figures and the slope of each series, and charts by ECharts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as echarts from "echarts";
import { percentile } from "../support/report.ts";
import { trendOf, type Trend } from "../support/trend.ts";

export type Sample = Readonly<Record<string, number>> & { readonly minute: number };

/** A ceiling, and what was measured. */
export interface Gate {
  readonly what: string;
  readonly measured: number;
  readonly ceiling: number;
}

export interface Report {
  readonly scenario: string;
  readonly minutes: number;
  /** Of each series. */
  readonly titles: Readonly<Record<string, string>>;
  readonly samples: readonly Sample[];
  readonly gates: readonly Gate[];
  readonly pictures: readonly {
    readonly file: string;
    readonly title: string;
    readonly names: readonly string[];
  }[];
  readonly notes: readonly string[];
  /** Besides those of the gates. */
  readonly failures: readonly string[];
}

/** That a series does not grow, per hour, over the second half of the run. */
export function slopeGate(
  samples: readonly Sample[],
  name: string,
  title: string,
  ceiling: number,
): Gate {
  const { slope, error } = trendPerHour(samples, name);
  return {
    what: `${title}: slope per hour (± ${(2 * error).toFixed(1)})`,
    measured: slope,
    ceiling,
  };
}

export function percentileGate(
  what: string,
  values: readonly number[],
  share: number,
  ceiling: number,
): Gate {
  return { what: `${what}, p${share * 100}, ms`, measured: percentile(values, share), ceiling };
}

/** The percentile of each list as a part of a sample. Of a list without values there is none. */
export function percentilesOf(
  lists: Readonly<Record<string, readonly number[]>>,
  share: number,
): Readonly<Record<string, number>> {
  const some = Object.entries(lists).filter(([, values]) => values.length > 0);
  return Object.fromEntries(some.map(([name, values]) => [name, percentile(values, share)]));
}

/** Writes charts and figures; false where a gate failed. */
export function writeReport(folder: string, report: Report): boolean {
  const { scenario, minutes, titles, samples, gates, pictures, notes } = report;
  mkdirSync(folder, { recursive: true });
  const isPassed = ({ measured, ceiling }: Gate): boolean => measured <= ceiling;
  const failures = [
    ...gates
      .filter((gate) => !isPassed(gate))
      .map(({ what, measured, ceiling }) => `${what} is ${measured.toFixed(2)}, above ${ceiling}`),
    ...report.failures,
  ];
  const series = Object.entries(titles).map(([name, title]) => {
    const values = samples.flatMap((sample) => sample[name] ?? []);
    const figures = [mean(values), Math.min(...values), Math.max(...values)];
    return `| ${title} | ${figures.map((each) => each.toFixed(1)).join(" | ")} | ${trendPerHour(samples, name).slope.toFixed(2)} |`;
  });
  const text = [
    "| gate | measured | ceiling | |",
    "| --- | --- | --- | --- |",
    ...gates.map(
      (gate) =>
        `| ${gate.what} | ${gate.measured.toFixed(2)} | ${gate.ceiling} | ${isPassed(gate) ? "passed" : "FAILED"} |`,
    ),
    "",
    "| series | mean | least | most | slope per hour, second half |",
    "| --- | --- | --- | --- | --- |",
    ...series,
    "",
    ...notes,
    "",
    failures.length === 0 ? "All gates passed." : failures.join("\n"),
  ].join("\n");
  writeFileSync(join(folder, "report.md"), `${text}\n`);
  const result = { scenario, minutes, passed: failures.length === 0, gates, failures };
  writeFileSync(join(folder, "report.json"), JSON.stringify(result, undefined, 2));
  writeFileSync(join(folder, "samples.json"), JSON.stringify(samples));
  for (const { file, title, names } of pictures)
    picture(join(folder, `${file}.svg`), title, report, names);
  console.log(`${text}\nThe report is in ${folder}/.`);
  return failures.length === 0;
}

/** By least squares over the second half, after the warm-up. */
function trendPerHour(samples: readonly Sample[], name: string): Trend {
  const points = samples.flatMap(({ minute, [name]: value }) =>
    value === undefined ? [] : [[minute, value] as const],
  );
  const late = points.slice(Math.floor(points.length / 2));
  if (late.length < 3) return { slope: 0, error: 0 };
  const { slope, error } = trendOf(late);
  return { slope: slope * 60, error: error * 60 };
}

function picture(
  path: string,
  title: string,
  { samples, titles }: Report,
  names: readonly string[],
): void {
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: 900, height: 360 });
  chart.setOption({
    animation: false,
    title: { text: title, left: 16, top: 10, textStyle: { fontSize: 15 } },
    legend: { top: 12, right: 16 },
    grid: { left: 56, right: 24, top: 56, bottom: 48 },
    xAxis: {
      type: "value",
      name: "minutes",
      nameLocation: "middle",
      nameGap: 28,
      max: Math.ceil(samples.at(-1)?.minute ?? 1),
    },
    yAxis: { type: "value", min: 0 },
    series: names.map((name) => ({
      type: "line",
      name: titles[name] ?? name,
      showSymbol: false,
      data: samples.map((sample) => [sample.minute, sample[name]]),
    })),
  });
  writeFileSync(path, chart.renderToSVGString());
  chart.dispose();
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

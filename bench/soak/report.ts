/** The report of the soak: figures and the slope of each series, and charts drawn by ECharts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as echarts from "echarts";
import { trendOf } from "../support/trend.ts";

export interface Sample {
  readonly minute: number;
  readonly serverHeapMb: number;
  readonly serverRssMb: number;
  readonly pageHeapMb: number;
  readonly latencyP50Ms: number;
  readonly latencyP99Ms: number;
  readonly detailP50Ms: number;
  readonly detailP99Ms: number;
  readonly cpuPercent: number;
}

type Series = Exclude<keyof Sample, "minute">;

const TITLES: Readonly<Record<Series, string>> = {
  serverHeapMb: "server heap after collection, MB",
  serverRssMb: "server RSS, MB",
  pageHeapMb: "page heap after collection, MB",
  latencyP50Ms: "commit to page, p50, ms",
  latencyP99Ms: "commit to page, p99, ms",
  detailP50Ms: "detail, p50, ms",
  detailP99Ms: "detail, p99, ms",
  cpuPercent: "server CPU, % of a core",
};

/** MB per hour that a heap may grow over the second half of the run before it counts as a leak. */
const SLOPE_MB_PER_HOUR_MAX = 10;
const BOUNDED_SERIES: readonly Series[] = ["serverHeapMb", "pageHeapMb"];

/** The slope per hour, by least squares over the second half, after the warm-up. */
function slopePerHour(samples: readonly Sample[], name: Series): number {
  const late = samples.slice(Math.floor(samples.length / 2));
  return late.length < 2 ? 0 : trendOf(late.map((each) => [each.minute, each[name]])).slope * 60;
}

/** Writes charts and figures, and returns the failures. */
export function writeReport(
  folder: string,
  samples: readonly Sample[],
  notes: readonly string[],
): readonly string[] {
  mkdirSync(folder, { recursive: true });
  const failures = BOUNDED_SERIES.flatMap((name) => {
    const slope = slopePerHour(samples, name);
    return slope > SLOPE_MB_PER_HOUR_MAX
      ? [`${TITLES[name]} grows by ${slope.toFixed(1)} MB an hour`]
      : [];
  });
  const lines = (Object.keys(TITLES) as Series[]).map((name) => {
    const values = samples.map((sample) => sample[name]);
    return `| ${TITLES[name]} | ${mean(values).toFixed(1)} | ${Math.min(...values).toFixed(1)} | ${Math.max(...values).toFixed(1)} | ${slopePerHour(samples, name).toFixed(2)} |`;
  });
  const text = [
    "| series | mean | least | most | slope per hour, second half |",
    "| --- | --- | --- | --- | --- |",
    ...lines,
    "",
    ...notes,
    "",
    failures.length === 0 ? "No slope." : failures.join("\n"),
  ].join("\n");
  writeFileSync(join(folder, "report.md"), `${text}\n`);
  writeFileSync(join(folder, "samples.json"), JSON.stringify(samples));
  picture(join(folder, "memory.svg"), "Memory", samples, [
    "serverHeapMb",
    "serverRssMb",
    "pageHeapMb",
  ]);
  picture(join(folder, "latency.svg"), "Latency", samples, [
    "latencyP50Ms",
    "latencyP99Ms",
    "detailP50Ms",
    "detailP99Ms",
  ]);
  return failures;
}

function picture(
  path: string,
  title: string,
  samples: readonly Sample[],
  names: readonly Series[],
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
      name: TITLES[name],
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

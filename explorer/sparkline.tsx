/** A table's rate in the last minute, as a line; each has its own scale, from zero. */
import { memo, type ReactElement } from "react";
import { formatRate } from "../examples/ui/format.ts";
import { SAMPLES } from "./use-rates.ts";

const WIDTH = 48;
const HEIGHT = 16;

export const Sparkline = memo(function Sparkline({
  samples,
}: {
  readonly samples: readonly (number | undefined)[];
}): ReactElement {
  const most = Math.max(0, ...samples.map((sample) => sample ?? 0));
  return (
    <svg className="sparkline" width={WIDTH} height={HEIGHT} role="img">
      <title>
        {most === 0
          ? "No changes in the last minute"
          : `At most ${formatRate(most)} rows/s in the last minute`}
      </title>
      {most > 0 && <path d={pathOf(samples, most)} />}
    </svg>
  );
});

/** Seconds without a sample are gaps. */
function pathOf(samples: readonly (number | undefined)[], most: number): string {
  const start = SAMPLES - samples.length;
  return samples
    .map((sample, index) => {
      if (sample === undefined) return "";
      const x = ((start + index) / (SAMPLES - 1)) * (WIDTH - 2) + 1;
      const y = HEIGHT - 1.5 - (sample / most) * (HEIGHT - 3);
      return `${samples[index - 1] === undefined ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
    })
    .join("");
}

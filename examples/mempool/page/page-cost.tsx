/** In the status strip: what the page costs its reader. */
import { useEffect, useState, type ReactElement } from "react";
import { formatMs } from "../../ui/format.ts";
import { measurePage, type PageFigures } from "./page-meter.ts";

export function PageCost(): ReactElement {
  const [figures, setFigures] = useState<PageFigures>();
  useEffect(() => measurePage(setFigures), []);
  const {
    ui_render_drop_ratio: drops,
    ui_render_commit_ms: commitMs,
    ui_heap_used_mb: heapMb,
  } = figures ?? {};
  return (
    <dl className="cost">
      {(
        [
          ["missed", drops === undefined ? "–" : `${(drops * 100).toFixed(1)} %`, 40],
          ["paint", formatMs(commitMs), 40],
          ["heap", heapMb === undefined ? "–" : `${heapMb.toFixed(0)} MB`, 40],
        ] as const
      ).map(([name, text, minWidth]) => (
        <div
          key={name}
          className="item"
          title="Of this page, over ten seconds: frames missed, the slowest time from commit to paint, heap"
        >
          <dt>{name}</dt>
          <dd style={{ minWidth }}>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

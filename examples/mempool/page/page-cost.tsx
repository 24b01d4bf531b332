/** In the status strip: what the page costs its reader. */
import { useSyncExternalStore, type ReactElement } from "react";
import { formatMs } from "../../ui/format.ts";
import { reports } from "./client.ts";

export function PageCost(): ReactElement {
  const report = useSyncExternalStore(reports.subscribe, reports.getSnapshot);
  const {
    ui_render_drop_ratio: drops,
    ui_render_commit_ms: commitsMs,
    ui_heap_used_mb: heapMb,
  } = report ?? {};
  const slowestMs = commitsMs && Math.max(...commitsMs);
  return (
    <dl className="cost">
      {(
        [
          ["missed", drops === undefined ? "–" : `${(drops * 100).toFixed(1)} %`, 40],
          ["paint", formatMs(slowestMs), 40],
          ["heap", heapMb === undefined ? "–" : `${heapMb.toFixed(0)} MB`, 40],
        ] as const
      ).map(([name, text, minWidth]) => (
        <div
          key={name}
          className="item"
          title="Of this page, over ten seconds while it is visible: frames missed, the slowest time from commit to paint, heap"
        >
          <dt>{name}</dt>
          <dd style={{ minWidth }}>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

/** What `tidemark/heatmap` exports, and what its script gives a page as `TidemarkHeatmap`. */
export {
  HeatmapWebSocket,
  type HeatmapOptions,
  type HeatmapStatusDetail,
} from "./heatmap-web-socket.ts";
export type { HeatmapStatus } from "./heatmap-state.ts";
export type { HeatmapData, HeatmapError } from "./messages.ts";

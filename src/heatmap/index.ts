/** What `tidemark/heatmap` exports, and what its script gives a page as `TidemarkHeatmap`. */
export {
  HeatmapWebSocket,
  type HeatmapError,
  type HeatmapOptions,
  type HeatmapStatusDetail,
} from "./heatmap-web-socket.ts";
export type { HeatmapStatus } from "./heatmap-state.ts";
export type { HeatmapData } from "./messages.ts";

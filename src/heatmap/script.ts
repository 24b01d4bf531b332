/**
 * What a page loads with `<script src>`: it gives the page the class `HeatmapWebSocket`.
 */
import { HeatmapWebSocket } from "./heatmap-web-socket.ts";

Object.assign(globalThis, { HeatmapWebSocket });

/**
 * The heatmap under load, with k6: 1,000 clients over six symbols, for five minutes.
 *
 *   npm run heatmap                                   # in examples, after its build
 *   k6 run test/load/ws_load_test.js                  # -e URL=ws://localhost:8083/ws/heatmap
 *
 * `-e CLIENTS=1000 -e MINUTES=5 -e EVERY=5 -e MODE=changes`: clients, duration, the server's
 * WS_UPDATE_INTERVAL, and whole heatmaps or changes. An update is due in each interval, so it needs
 * markets that trade in each, as those of the built-in feed do. The same run without k6, which knows when the
 * server had each heatmap: `npm run bench -- heatmap --clients 1000 --minutes 5`.
 */
import { check } from "k6";
import { Counter, Rate, Trend } from "k6/metrics";
import ws from "k6/ws";

const URL = __ENV.URL || "ws://localhost:8083/ws/heatmap";
const CLIENTS = Number(__ENV.CLIENTS || 1000);
const MINUTES = Number(__ENV.MINUTES || 5);
const EVERY_MS = Number(__ENV.EVERY || 5) * 1000;
const MODE = __ENV.MODE || "changes";
const SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT"];
const RAMP_MS = 30 * 1000;
const PING_MS = 10 * 1000;

export const options = {
  scenarios: {
    viewers: {
      executor: "per-vu-iterations",
      vus: CLIENTS,
      iterations: 1,
      maxDuration: `${Math.ceil(MINUTES) + 2}m`,
    },
  },
  thresholds: {
    // How much later than its interval an update comes, and a message's way there and back.
    update_lateness: ["p(95)<500"],
    round_trip: ["p(95)<500"],
    // Of updates that were due: those that did not come.
    update_drops: ["rate<0.001"],
    connection_drops: ["rate<0.001"],
    checks: ["rate>0.999"],
  },
};

const updateLateness = new Trend("update_lateness", true);
const roundTrip = new Trend("round_trip", true);
const firstHeatmap = new Trend("first_heatmap", true);
const updateDrops = new Rate("update_drops");
const connectionDrops = new Rate("connection_drops");
const receivedBytes = new Counter("received_bytes");

/** One client: connects at its own moment, watches one symbol, and leaves at the end. */
export default function viewer() {
  const symbol = SYMBOLS[__VU % SYMBOLS.length];
  const delayMs = (RAMP_MS * (__VU % CLIENTS)) / CLIENTS;
  const response = ws.connect(URL, {}, (socket) => {
    let subscribedMs = 0;
    let updatedMs = 0;
    let pingedMs = 0;
    let isOver = false;
    socket.on("open", () => {
      socket.setTimeout(() => {
        subscribedMs = Date.now();
        socket.send(JSON.stringify({ type: "subscribe", symbols: [symbol], mode: MODE }));
      }, delayMs + 1);
      socket.setInterval(() => {
        pingedMs = Date.now();
        socket.send(JSON.stringify({ type: "ping" }));
      }, PING_MS);
      socket.setTimeout(
        () => {
          isOver = true;
          socket.close();
        },
        delayMs + MINUTES * 60 * 1000,
      );
    });
    socket.on("message", (text) => {
      const nowMs = Date.now();
      receivedBytes.add(text.length);
      const message = JSON.parse(text);
      if (message.type === "pong") roundTrip.add(nowMs - pingedMs);
      if (message.type === "error") check(message, { "no error": () => false });
      if (message.type !== "snapshot" && message.type !== "changes") return;
      if (message.timestamp === null) return;
      if (updatedMs === 0) firstHeatmap.add(nowMs - subscribedMs);
      else {
        const gapMs = nowMs - updatedMs;
        const missed = Math.max(0, Math.round(gapMs / EVERY_MS) - 1);
        for (let drop = 0; drop < missed; drop++) updateDrops.add(true);
        updateDrops.add(false);
        if (missed === 0) updateLateness.add(Math.max(0, gapMs - EVERY_MS));
      }
      updatedMs = nowMs;
    });
    socket.on("close", () => {
      connectionDrops.add(!isOver);
      check(null, { "had a heatmap": () => updatedMs > 0 });
    });
  });
  check(response, { connected: ({ status }) => status === 101 });
}

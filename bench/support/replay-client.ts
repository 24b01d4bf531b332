/** One client of a replay, as a process of its own: it counts the rows that it gets. */
import { WebSocket } from "ws";
import { answer } from "./child.ts";

interface Frame {
  readonly op?: string;
  readonly patch?: { readonly upsert?: readonly unknown[] };
}

let rows = 0;
let beganMs = 0;
let socket: WebSocket | undefined;

answer({
  /** Resolves with the first rows. */
  open: ({ port, channel, speed }) =>
    new Promise((resolve, reject) => {
      rows = 0;
      const query = `from=1&speed=${String(speed)}&channels=${String(channel)}`;
      socket = new WebSocket(`ws://127.0.0.1:${String(port)}/v2/replay?${query}`);
      socket.on("error", reject);
      socket.on("message", (message: Buffer) => {
        const frame = JSON.parse(String(message)) as Frame;
        if (frame.op === "HELLO")
          socket?.send(JSON.stringify({ op: "IDENTIFY", subscriptions: [channel] }));
        const count = frame.patch?.upsert?.length ?? 0;
        if (count > 0 && rows === 0) {
          beganMs = performance.now();
          resolve(undefined);
        }
        rows += count;
      });
    }),
  close: () => {
    socket?.terminate();
    return { rowsPerSecond: rows / ((performance.now() - beganMs) / 1_000) };
  },
});

/**
 * The producer of the patterns benchmark as a process of its own: it sends each order to all servers
 * at random times, whether or not they are busy, and judges at the end what their widgets showed.
 */
import { connect, type Socket } from "node:net";
import { answer } from "../support/child.ts";
import { OrderFlow, SHOWN_ROWS } from "./orders.ts";
import { judge, type MadeOrder, type Shown } from "./truth.ts";

const made: MadeOrder[] = [];
const flow = new OrderFlow();

function feed(sockets: readonly Socket[], perSecond: number): void {
  const pauseMs = (): number => (-Math.log(1 - Math.random()) * 1_000) / perSecond;
  let dueMs = performance.now() + pauseMs();
  const send = (): void => {
    for (const nowMs = performance.now(); dueMs <= nowMs; dueMs += pauseMs()) {
      const order = flow.next();
      made.push({ atMs: performance.timeOrigin + performance.now(), order });
      const line = `${JSON.stringify(order)}\n`;
      for (const socket of sockets) socket.write(line);
    }
    setTimeout(send, dueMs - performance.now());
  };
  send();
}

answer({
  run: async ({ ports, perSecond }) => {
    const sockets = (ports as readonly number[]).map((port) => connect(port, "127.0.0.1"));
    for (const socket of sockets) socket.setNoDelay(true);
    await Promise.all(
      sockets.map((socket) => new Promise<void>((resolve) => socket.once("connect", resolve))),
    );
    feed(sockets, Number(perSecond));
  },
  judge: ({ samples, graceMs }) =>
    judge(made, samples as readonly Shown[], { limit: SHOWN_ROWS, graceMs: Number(graceMs) }),
});

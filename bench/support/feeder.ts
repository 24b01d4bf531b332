/**
 * The source of changes as a process of its own: changes arrive at random times (exponential
 * pauses), whether or not the server is busy. A row's latency counts from the moment the row was
 * written to the server's feed port.
 */
import { connect, type Socket } from "node:net";
import { answer } from "./child.ts";
import { makeTrade } from "./trade.ts";

let timer: NodeJS.Timeout | undefined;

function feed(socket: Socket, perSecond: number, keys: number): void {
  const pauseMs = (): number => (-Math.log(1 - Math.random()) * 1_000) / perSecond;
  let dueMs = performance.now() + pauseMs();
  const send = (): void => {
    for (const nowMs = performance.now(); dueMs <= nowMs; dueMs += pauseMs())
      socket.write(`${JSON.stringify(makeTrade(keys))}\n`);
    timer = setTimeout(send, dueMs - performance.now());
  };
  send();
}

answer({
  run: ({ port, perSecond, keys }) =>
    new Promise((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => {
        feed(socket, Number(perSecond), Number(keys));
        resolve(undefined);
      });
      socket.setNoDelay(true);
    }),
  stop: () => clearTimeout(timer),
});

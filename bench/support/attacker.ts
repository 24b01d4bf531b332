/** The process `attacker`: sends frames of one kind as fast as its socket takes them. */
import { connect, type Socket } from "node:net";
import { WebSocket } from "ws";
import { answer } from "./child.ts";

type Say = (socket: WebSocket, index: number) => void;

const frame = (message: object): string => JSON.stringify(message);
const subscribe =
  (subscriptions: readonly object[]): Say =>
  (socket) =>
    socket.send(frame({ op: "SUBSCRIBE", subscriptions }));
const many =
  (make: (index: number) => object): Say =>
  (socket, index) =>
    socket.send(
      frame({
        op: "SUBSCRIBE",
        subscriptions: Array.from({ length: 20 }, (_, place) => make(index * 20 + place)),
      }),
    );

/** What is sent, and how often per second; undefined for as fast as possible. */
const SAYINGS: Readonly<
  Record<string, { readonly say: Say; readonly perSecond?: number; readonly connections?: number }>
> = {
  "255 like terms": {
    say: subscribe([
      {
        channel: "trades",
        where: {
          or: Array.from({ length: 255 }, (_, index) => ({
            column: "note",
            like: `%${"0".repeat(180)}${index}%`,
          })),
        },
      },
    ]),
    perSecond: 20,
  },
  "one large regex": {
    say: subscribe([{ channel: "trades", where: { column: "note", regex: "[0-9]{1,900}[x-z]" } }]),
    perSecond: 20,
  },
  "regexes within the bounds": {
    say: many((index) => ({
      channel: "trades",
      where: { column: "note", regex: `[0-9]{1,${60 + (index % 60)}}[x-z]${index}` },
    })),
    perSecond: 2,
  },
  "sorted views": {
    say: many((index) => ({
      channel: "trades",
      where: { column: "trade_id", gt: index },
      order_by: [{ column: "price" }],
      limit: 50,
    })),
    perSecond: 2,
  },
  heartbeats: { say: (socket) => socket.send(frame({ op: "HEARTBEAT" })) },
  "RESYNC of all rows": { say: (socket) => socket.send(frame({ op: "RESYNC", view: "trades" })) },
  "bad frames": { say: (socket) => socket.send("no JSON") },
};
const BATCH = 200;

let stops: (() => void)[] = [];

function keepSaying(url: string, say: Say, perSecond: number | undefined): void {
  let isOver = false;
  const begin = (): void => {
    if (isOver) return;
    const socket = new WebSocket(url);
    let index = 0;
    let timer: NodeJS.Timeout | undefined;
    socket.on("error", () => {});
    socket.on("message", () => {});
    socket.on("close", () => {
      clearInterval(timer);
      setTimeout(begin, 10);
    });
    socket.on("open", () => {
      socket.send(frame({ op: "IDENTIFY", subscriptions: ["trades"] }));
      timer = setInterval(
        () => {
          for (
            let count = perSecond === undefined ? BATCH : 1;
            count > 0 && socket.readyState === 1 && socket.bufferedAmount < 1e6;
            count--
          )
            say(socket, index++);
        },
        perSecond === undefined ? 1 : 1_000 / perSecond,
      );
    });
    stops.push(() => {
      isOver = true;
      clearInterval(timer);
      socket.terminate();
    });
  };
  begin();
}

/** Requests all rows and reads nothing. */
function unread(port: number, count: number): void {
  const sockets = new Set<Socket>();
  const begin = (index: number): void => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(
        `GET /v2/snapshot?channels=trades&since_seq=0&x=${index} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      ),
    );
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("data", () => socket.pause());
  };
  for (let index = 0; index < count; index++) begin(index);
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
  });
}

function silent(url: string, count: number): void {
  const sockets = Array.from({ length: count }, () => new WebSocket(url).on("error", () => {}));
  stops.push(() => {
    for (const socket of sockets) socket.terminate();
  });
}

answer({
  begin: ({ attack, port }) => {
    const url = `ws://127.0.0.1:${String(port)}/v2/stream`;
    const saying = SAYINGS[String(attack)];
    if (saying !== undefined) keepSaying(url, saying.say, saying.perSecond);
    else if (attack === "40 unread snapshots") unread(Number(port), 40);
    else if (attack === "1,000 who say nothing") silent(url, 1_000);
    return Object.keys(SAYINGS);
  },
  end: () => {
    for (const stop of stops) stop();
    stops = [];
  },
});

/**
 * A client that sends well-formed frames with wrong contents: foreign, old and future cursors, too
 * many requests, odd credit.
 */
import type { Random } from "../src/std/random.ts";
import { Carriers, type CarrierOptions } from "./carriers.ts";
import type { FaultCounts } from "./faults.ts";
import type { ActorClock } from "./scheduler.ts";
import { randomQuery } from "./workload.ts";

export class MalformedClient {
  readonly #random: Random;
  readonly #faults: FaultCounts;
  readonly #carriers: Carriers;
  readonly #clock: ActorClock;
  #epoch = "";
  #isOver = false;

  constructor(options: Omit<CarrierOptions, "frameObserver" | "readPace">) {
    this.#random = options.random;
    this.#faults = options.faults;
    this.#clock = options.clock;
    const frameObserver = { onLost: () => {}, onCorrupted: () => {}, onDelivered: () => {} };
    this.#carriers = new Carriers({
      ...options,
      frameObserver,
      readPace: { frameMs: 0, isStalled: options.random.next() < 0.3 },
    });
    this.#connect();
  }

  close(): void {
    this.#isOver = true;
  }

  #connect(): void {
    if (this.#isOver) return;
    const socket = new this.#carriers.WebSocket("");
    const again = (): void =>
      void this.#clock.after(200 + this.#random.next() * 800, () => this.#connect());
    socket.onclose = again;
    socket.onmessage = ({ data }) => {
      const text = String(data);
      this.#epoch = /"epoch":"(\w+)"/.exec(text)?.[1] ?? this.#epoch;
      if (text.startsWith('{"op":"HELLO"'))
        socket.send(
          JSON.stringify({
            op: "IDENTIFY",
            auth: { user: "malformed" },
            subscriptions: [this.#malformedSubscription()],
          }),
        );
      else if (this.#random.next() < 0.05) socket.send(JSON.stringify(this.#randomFrame()));
    };
  }

  #malformedSubscription(): unknown {
    const query = randomQuery(this.#random, []);
    const choice = this.#random.next();
    const cursor = (epoch: string, seq: number, view = query.channel): unknown => ({
      ...query,
      cursor: { epoch, view, seq },
    });
    if (choice < 0.3 && this.#faults.happens("malformed client: old cursor"))
      return cursor(this.#epoch, Math.floor(this.#random.next() * 5));
    if (choice < 0.6 && this.#faults.happens("malformed client: future cursor"))
      return cursor(this.#epoch, 1e6);
    if (choice < 0.8 && this.#faults.happens("malformed client: foreign epoch"))
      return cursor("elsewhere", 3, "v_none.x");
    return query;
  }

  #randomFrame(): unknown {
    const choice = this.#random.next();
    if (choice < 0.3 && this.#faults.happens("greedy client"))
      return {
        op: "SUBSCRIBE",
        subscriptions: Array.from({ length: 20 }, () => this.#malformedSubscription()),
      };
    if (choice < 0.55 && this.#faults.happens("credit games"))
      return { op: "CREDIT", turns: Math.floor(this.#random.next() * 3) };
    if (choice < 0.7 && this.#faults.happens("channel credit used up"))
      return {
        op: "CREDIT",
        channel_credit: { trades: Math.floor(this.#random.next() * 2), nothing: 7 },
      };
    if (choice < 0.9)
      return { op: "RESYNC", view: "trades", seq: Math.floor(this.#random.next() * 50) };
    return { op: "HEARTBEAT" };
  }
}

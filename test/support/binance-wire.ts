/** The exchange of `binance-exchange.ts` on a manual clock: connections and requests take time. */
import type { HttpAnswer, Transport } from "../../src/sources/binance/transport.ts";
import type { MessageSocket, SocketHandlers } from "../../src/sources/socket/message-socket.ts";
import type { ManualClock } from "../../src/std/manual-clock.ts";
import type { BinanceExchange, ExchangeClient } from "./binance-exchange.ts";

export class BinanceWire implements Transport {
  /** One way, in milliseconds; asked once per connection. */
  latencyMs: () => number = () => 0;
  /** Connections are closed at this age. */
  ageMsMax = Number.POSITIVE_INFINITY;
  /** From a request to its answer; the exchange sees the request in the middle. */
  answerMs: () => number = () => 0;
  /** Nothing is delivered, and nothing closed, as behind a router that drops packets. */
  isFrozen = false;
  /** The most messages that waited for a connection to be read again. */
  unreadMax = 0;
  readonly #clock: ManualClock;
  readonly #exchange: BinanceExchange;

  constructor(clock: ManualClock, exchange: BinanceExchange) {
    this.#clock = clock;
    this.#exchange = exchange;
  }

  open(url: string, handlers: SocketHandlers): MessageSocket {
    const latencyMs = this.latencyMs();
    let client: ExchangeClient | undefined;
    let isEnded = false;
    let isPaused = false;
    let unread: (() => void)[] = [];
    const end = (): void => {
      isEnded = true;
      if (client !== undefined) this.#exchange.clients.delete(client);
    };
    const later = (delayMs: number, deliver: () => void): void => {
      this.#clock.after(delayMs, () => {
        if (isEnded || this.isFrozen) return;
        if (!isPaused) return deliver();
        unread.push(deliver);
        this.unreadMax = Math.max(this.unreadMax, unread.length);
      });
    };
    later(latencyMs * 2, () => {
      if (!this.#exchange.isReachable) {
        end();
        return handlers.onClose("connection refused");
      }
      client = this.#exchange.connect(url, {
        send: (text) => later(latencyMs, () => handlers.onMessage(text)),
        cut: () => {
          end();
          this.#clock.soon(() => handlers.onClose("closed with 1006"));
        },
      });
      if (this.ageMsMax < Number.POSITIVE_INFINITY) later(this.ageMsMax, () => client?.cut());
      handlers.onOpen();
    });
    return {
      send: () => {},
      ping: (text) => later(latencyMs * 2, () => handlers.onPong(text)),
      pause: () => (isPaused = true),
      resume: () => {
        isPaused = false;
        for (const deliver of unread.splice(0)) deliver();
      },
      close: () => {
        unread = [];
        end();
      },
    };
  }

  get(url: string, signal: AbortSignal): Promise<HttpAnswer> {
    const answerMs = this.answerMs();
    return new Promise((resolve, reject) => {
      signal.addEventListener("abort", () => reject(new Error("aborted")));
      this.#clock.after(answerMs / 2, () => {
        if (this.isFrozen) return;
        if (!this.#exchange.isReachable) return reject(new Error("connection refused"));
        const { status, body, headers } = this.#exchange.answer(url);
        const text = typeof body === "string" ? body : JSON.stringify(body);
        this.#clock.after(answerMs / 2, () =>
          resolve({ status, text, header: (name) => headers[name] }),
        );
      });
    });
  }
}

/**
 * One connection to a node: JSON-RPC requests with a deadline, and subscriptions. It ends once,
 * with a reason, and then its requests fail.
 */
import type { Cancel, Clock } from "../../std/clock.ts";
import { Connection } from "../socket/connection.ts";
import type { OpenSocket } from "../socket/message-socket.ts";
import type { EthereumLimits } from "./limits.ts";

export interface NodeConnectionOptions {
  readonly url: string;
  readonly clock: Clock;
  readonly open: OpenSocket;
  readonly limits: EthereumLimits;
  readonly onOpen: () => void;
  readonly onEnd: (reason: string) => void;
}

interface Waiting {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly cancel: Cancel;
}

interface Message {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message?: unknown };
  readonly params?: { readonly subscription?: unknown; readonly result?: unknown };
}

export class NodeConnection {
  readonly #options: NodeConnectionOptions;
  readonly #connection: Connection;
  readonly #waiting = new Map<number, Waiting>();
  readonly #subscriptions = new Map<string, (data: unknown) => void>();
  #count = 0;
  #endReason: string | undefined;

  constructor(options: NodeConnectionOptions) {
    const { url, clock, open, limits, onOpen } = options;
    this.#options = options;
    this.#connection = new Connection({
      url,
      clock,
      open,
      limits,
      onOpen,
      onMessage: (text) => this.#onMessage(text),
      onPong: () => {},
      onEnd: (reason) => {
        this.#end(reason);
        options.onEnd(reason);
      },
    });
  }

  get isEnded(): boolean {
    return this.#endReason !== undefined;
  }

  /** @throws Error when the node refuses, does not answer in time, or the connection ends */
  request(method: string, ...params: readonly unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => this.#send(method, params, resolve, reject));
  }

  /** `onData` gets each notification from the first one on. @throws as `request` */
  subscribe(params: readonly unknown[], onData: (data: unknown) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      // In the same turn as the answer, since notifications may follow it at once.
      const subscribed = (id: unknown): void => {
        this.#subscriptions.set(String(id), onData);
        resolve();
      };
      this.#send("eth_subscribe", params, subscribed, reject);
    });
  }

  /** While paused, the node waits. */
  setPaused(isPaused: boolean): void {
    this.#connection.setPaused(isPaused);
  }

  /** Closes without calling `onEnd`. */
  close(): void {
    this.#connection.close();
    this.#end("the connection has been closed");
  }

  #send(
    method: string,
    params: readonly unknown[],
    resolve: (result: unknown) => void,
    reject: (error: Error) => void,
  ): void {
    const { clock, limits } = this.#options;
    if (this.#endReason !== undefined) return reject(new Error(this.#endReason));
    const id = ++this.#count;
    const cancel = clock.after(limits.requestMsMax, () => {
      this.#waiting.delete(id);
      reject(new Error(`${method} was not answered for ${limits.requestMsMax / 1_000} s`));
    });
    this.#waiting.set(id, { resolve, reject, cancel });
    this.#connection.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
  }

  #onMessage(text: string): void {
    let message: Message;
    try {
      message = JSON.parse(text) as Message;
    } catch {
      return this.#connection.fail("the node sent what is not JSON");
    }
    const { id, result, error, params } = message;
    if (id === undefined || id === null) {
      this.#subscriptions.get(String(params?.subscription))?.(params?.result);
      return;
    }
    const waiting = this.#waiting.get(Number(id));
    if (waiting === undefined) return;
    this.#waiting.delete(Number(id));
    waiting.cancel();
    if (error === undefined) waiting.resolve(result);
    else waiting.reject(new Error(`the node answered: ${String(error.message)}`));
  }

  #end(reason: string): void {
    if (this.#endReason !== undefined) return;
    this.#endReason = reason;
    for (const { reject, cancel } of this.#waiting.values()) {
      cancel();
      reject(new Error(reason));
    }
    this.#waiting.clear();
    this.#subscriptions.clear();
  }
}

/**
 * One connection to Redis. It never connects again by itself: a source that loses a connection
 * must find out what it has missed. A command without an answer ends the connection.
 */
import type { Redis } from "ioredis";
import type { Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import type { RedisLimits } from "./limits.ts";
import type { RedisDriver } from "./load-redis.ts";

export interface RedisAddress {
  readonly driver: RedisDriver;
  readonly url: string;
  readonly clock: Clock;
  readonly limits: Pick<RedisLimits, "answerMsMax">;
}

export class RedisConnection {
  readonly #redis: Redis;
  readonly #clock: Clock;
  readonly #answerMsMax: number;
  #lastError: string | undefined;
  #isLost = false;
  #onLost: (reason: string) => void = () => {};

  private constructor({ driver, url, clock, limits }: RedisAddress) {
    this.#clock = clock;
    this.#answerMsMax = limits.answerMsMax;
    this.#redis = new driver(url, {
      lazyConnect: true,
      connectTimeout: limits.answerMsMax,
      retryStrategy: () => null,
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      // The shape of answers differs between the versions of Redis' protocol.
      protocol: 2,
    });
    this.#redis.on("error", (error: unknown) => {
      this.#lastError = messageOf(error);
    });
    this.#redis.on("close", () => this.#lose(this.#lastError ?? "connection closed"));
  }

  /** @throws Error with the driver's reason */
  static async open(address: RedisAddress): Promise<RedisConnection> {
    const connection = new RedisConnection(address);
    try {
      await connection.#answered(connection.#redis.connect(), 0);
      return connection;
    } catch (error) {
      connection.close();
      throw new Error(connection.#lastError ?? messageOf(error), { cause: error });
    }
  }

  /** Called once when the connection ends, whatever the reason. */
  onLost(listener: (reason: string) => void): void {
    this.#onLost = listener;
  }

  /** Runs a command that itself may wait for `waitMs`. @throws the driver's errors */
  async call(command: string, args: readonly (string | number)[], waitMs = 0): Promise<unknown> {
    return this.#answered(this.#redis.call(command, ...args), waitMs);
  }

  /** Receives messages of pub/sub channels from here on. */
  async subscribe(
    channels: readonly string[],
    onMessage: (channel: string, message: string) => void,
  ): Promise<void> {
    this.#redis.on("message", onMessage);
    await this.#answered(this.#redis.subscribe(...channels), 0);
  }

  /** Resolves when every message that Redis sent before this call has been received. */
  async fence(): Promise<void> {
    await this.#answered(this.#redis.ping(), 0);
  }

  close(): void {
    this.#isLost = true;
    this.#redis.disconnect();
  }

  #lose(reason: string): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#onLost(reason);
  }

  #answered<T>(answer: Promise<T>, waitMs: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const cancel = this.#clock.after(this.#answerMsMax + waitMs, () => {
        const reason = `no answer from Redis for ${this.#answerMsMax / 1_000} s`;
        reject(new Error(reason));
        this.#lose(reason);
        this.#redis.disconnect();
      });
      answer.then(
        (value) => {
          cancel();
          resolve(value);
        },
        (error: unknown) => {
          cancel();
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }
}

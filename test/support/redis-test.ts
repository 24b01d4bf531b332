/** One Redis for all tests of a block. Each test gets a name that no other has. */
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Redis } from "ioredis";
import { startRedis, type RedisServer } from "./redis-server.ts";
import { stopAll } from "./trades-server.ts";

export interface TestedRedis {
  readonly server: RedisServer;
  readonly client: Redis;
  readonly name: string;
}

export function redisForTests(prefix: string): TestedRedis {
  let server: RedisServer;
  let client: Redis;
  let count = 0;
  beforeAll(async () => {
    server = await startRedis();
    client = server.client();
  });
  afterAll(() => server.remove());
  beforeEach(() => void count++);
  afterEach(stopAll);
  return {
    get server() {
      return server;
    },
    get client() {
      return client;
    },
    get name() {
      return `${prefix}-${count}`;
    },
  };
}

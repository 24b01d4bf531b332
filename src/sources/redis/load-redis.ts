/** The driver `ioredis`, an optional peer dependency: loaded when first used. */
import { TidemarkError } from "../../std/errors.ts";

export type RedisDriver = typeof import("ioredis").Redis;

/** @throws TidemarkError `BAD_OPTION` when it is not installed */
export async function loadRedis(): Promise<RedisDriver> {
  const loaded = await import("ioredis").catch((cause: unknown) => {
    throw new TidemarkError(
      "BAD_OPTION",
      "The redis sources need the package ioredis: npm install ioredis.",
      { cause },
    );
  });
  return loaded.Redis;
}

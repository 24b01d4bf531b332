/** The client of a replay over a WebSocket: the past as it was, paused, faster and from elsewhere. */
import { expect, it, onTestFinished } from "vitest";
import { pino } from "pino";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { createReplay } from "../src/client/node.ts";
import { systemClock } from "../src/std/clock.ts";
import { channel } from "../src/server/channel.ts";
import { createTidemark } from "../src/server/tidemark.ts";

interface Trade {
  id: string;
  price: number;
}

it("shows the past as it was: it pauses, resumes, goes faster, seeks and ends", async () => {
  let nowMs = 1_700_000_000_000;
  const tidemark = createTidemark({
    history: new ScriptedStore(),
    channels: { trades: channel<Trade>({ key: "id", history: { maxDelayMs: 1 } }) },
    logger: pino({ level: "silent" }),
    // A minute passes from one commit to the next.
    clock: { ...systemClock, now: () => nowMs },
  });
  onTestFinished(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const trades = tidemark.channel("trades");
  const seqs: number[] = [];
  for (let price = 1; price <= 5; price++) {
    seqs.push(await trades.upsert({ id: "a", price }));
    nowMs += 60_000;
  }
  seqs.push(await trades.remove(["a"]));
  await tidemark.durable(seqs[5] as number);

  const past = createReplay({
    url: `${url}/v2/replay`,
    from: seqs[1] as number,
    to: seqs[5] as number,
    speed: 1,
  });
  onTestFinished(() => past.close());
  const view = past.live({ channel: "trades" });
  onTestFinished(view.subscribe(() => {}));
  const price = (): unknown => (view.getSnapshot().rows[0] as Trade | undefined)?.price;
  const state = (): unknown => view.getSnapshot().reason;
  // Of a seq, only the commit after it tells the time.
  await expect.poll(price).toBe(3);
  past.pause();
  await expect.poll(state).toBe("the replay is paused");
  expect(price()).toBe(3);
  past.seek(seqs[3] as number);
  await expect.poll(price).toBe(4);
  past.seek(seqs[0] as number);
  await expect.poll(price).toBe(1);
  expect(state()).toBe("the replay is paused");
  past.setSpeed(Number.POSITIVE_INFINITY);
  past.resume();
  await expect.poll(state).toBe("end of the replay");
  expect(view.getSnapshot().rows).toEqual([]);
  past.seek(seqs[4] as number);
  await expect.poll(state).toBe("end of the replay");
});

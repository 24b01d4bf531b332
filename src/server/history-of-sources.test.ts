/** History of channels that a source declares while the server runs. */
import { expect, it, onTestFinished } from "vitest";
import { pino } from "pino";
import { declareChannel } from "../log/channel.ts";
import { ScriptedStore } from "../history/scripted-store.ts";
import type { Source } from "../sources/source.ts";
import { createTidemark } from "./tidemark.ts";

it("is empty, and not refused, before the store knows the channel", async () => {
  const source: Source = {
    name: "feed",
    start: async (context) => {
      await context.append({
        changes: [],
        declares: [declareChannel({ name: "late", key: ["id"], history: { maxDelayMs: 60_000 } })],
        status: [{ status: { status: "live" } }],
      });
    },
    stop: () => Promise.resolve(),
  };
  const tidemark = createTidemark({
    history: new ScriptedStore(),
    sources: [source],
    logger: pino({ level: "silent" }),
  });
  onTestFinished(() => tidemark.stop());
  const { url } = await tidemark.listen({ port: 0 });
  const answer = await fetch(`${url}/v2/history?channel=late`);
  expect(await answer.json()).toMatchObject({ channel: "late", rows: [] });
});

/**
 * History and feeds show no caller a row that its policy hides: 2,000 generated cases. `npm run
 * rights-check` tries 100,000.
 */
import { expect, it } from "vitest";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { run } from "./support/rights-check/run.ts";

it("leaks no row under policies of every shape, while rows change hands and rights change", async () => {
  const result = await run({ seed: 1, cases: 2_000, store: new ScriptedStore() });
  expect(result.cases).toBe(2_000);
  expect(result.withheld).toBeGreaterThan(2_000);
  expect(result.feeds).toBeGreaterThan(20);
  expect(result.fed).toBeGreaterThan(20);
}, 120_000);

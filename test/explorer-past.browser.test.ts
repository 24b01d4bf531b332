/** The explorer rewinds the page, in Chromium: one server, a table of its own and one of Postgres. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { PGlite } from "@electric-sql/pglite";
import type { Browser, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { channel, createTidemark, type Tidemark } from "../src/index.ts";
import { postgres } from "../src/sources/postgres/index.ts";
import { systemClock } from "../src/std/clock.ts";
import { TidemarkError } from "../src/std/errors.ts";
import { contrastFaults } from "./support/contrast.ts";
import { launchChromium } from "./support/launch-chromium.ts";
import { createPGlite } from "./support/pglite.ts";
import { silent } from "./support/silent.ts";

const assets = fileURLToPath(new URL("../dist/explorer", import.meta.url));
const ROWS = 16;
const COMMITS = 60;
const STEP_MS = 10_000;
const SYMBOLS = ["AAPL", "MSFT", "NVDA"];

interface Position {
  readonly id: number;
  readonly symbol: string;
  readonly quantity: number;
  readonly note: string;
}

type Shown = Readonly<Record<string, string>>;

const position = (id: number, round: number): Position => ({
  id,
  symbol: SYMBOLS[(id + round) % SYMBOLS.length] ?? "",
  quantity: (id * 37 + round * 101) % 1_000,
  note: `round ${round}`,
});

/** What the commit of a round does to the table. */
function changesOf(round: number): { upserts: readonly Position[]; removes: readonly number[] } {
  if (round === 0)
    return { upserts: Array.from({ length: ROWS }, (_, id) => position(id + 1, 0)), removes: [] };
  const ids = [round, round * 5, round * 11].map((each) => (each % ROWS) + 1);
  return round % 4 === 3
    ? { upserts: [], removes: ids.slice(0, 1) }
    : { upserts: [...new Set(ids)].map((id) => position(id, round)), removes: [] };
}

describe("the explorer's past", () => {
  const store = new ScriptedStore();
  const startMs = Math.floor(Date.now() / 1_000) * 1_000 - COMMITS * STEP_MS;
  /** The server's time: it stands still while the past is made. */
  let frozenMs: number | undefined = startMs;
  let browser: Browser;
  let tidemark: Tidemark;
  let database: PGlite;
  let address = "";
  let page: Page;

  /** The table as it was, made again from its changes: the newest row first. */
  const tableAt = (atMs: number): readonly Shown[] => {
    const rows = new Map<number, Position>();
    for (let round = 0; round < COMMITS && startMs + round * STEP_MS <= atMs; round++) {
      const { upserts, removes } = changesOf(round);
      for (const row of upserts) rows.set(row.id, row);
      for (const id of removes) rows.delete(id);
    }
    return [...rows.values()]
      .sort((left, right) => right.id - left.id)
      .map((row) => Object.fromEntries(Object.entries(row).map(([name, v]) => [name, String(v)])));
  };
  const text = (selector: string): Promise<string> =>
    page
      .locator(selector)
      .innerText()
      .then((found) => found.replace(/\s+/g, " ").trim());
  const table = (): Promise<Shown[]> =>
    page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>(".grid-row[data-key]")]
        .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
        .map((row) =>
          Object.fromEntries(
            [...row.querySelectorAll<HTMLElement>(".cell")].map((cell) => [
              cell.dataset["column"] ?? "",
              cell.firstChild?.textContent ?? "",
            ]),
          ),
        ),
    );
  const parameters = (): URLSearchParams => new URLSearchParams(page.url().split("?", 2)[1] ?? "");
  const atInAddress = (): number => Date.parse(parameters().get("at") ?? "");
  const open = (hash: string): Promise<unknown> => page.goto(`${address}/${hash}`);
  const openAt = (atMs: number, more = ""): Promise<unknown> =>
    open(`#/positions?at=${new Date(atMs).toISOString()}${more}`);
  /** The rows are those of the moment in the address. */
  const expectMoment = (): Promise<void> =>
    expect
      .poll(async () => ({ atMs: atInAddress(), rows: await table() }))
      .toSatisfy(({ atMs, rows }: { atMs: number; rows: readonly Shown[] }) => {
        expect(rows).toEqual(tableAt(atMs));
        return true;
      });

  beforeAll(async () => {
    if (!existsSync(assets)) throw new Error("The explorer is not built: npm run build");
    database = await createPGlite();
    await database.exec(
      "CREATE TABLE orders (id int PRIMARY KEY, status text); INSERT INTO orders VALUES (1, 'placed'), (2, 'placed')",
    );
    tidemark = createTidemark({
      catalog: true,
      assets,
      logger: silent,
      history: store,
      clock: { ...systemClock, now: () => frozenMs ?? Date.now() },
      sources: [postgres(database, { history: true })],
      channels: {
        positions: channel<Position>({
          key: "id",
          columns: { id: "integer", symbol: "text", quantity: "integer", note: "text" },
          history: { maxDelayMs: 1 },
        }),
        plain: channel({ key: "id", columns: { id: "integer" } }),
      },
    });
    const { url } = await tidemark.listen({ port: 0 });
    address = url;
    const positions = tidemark.channel("positions");
    let seq = 0;
    for (let round = 0; round < COMMITS; round++) {
      frozenMs = startMs + round * STEP_MS;
      const { upserts, removes } = changesOf(round);
      if (upserts.length > 0) seq = await positions.upsert(upserts);
      if (removes.length > 0) seq = await positions.remove(removes.map(String));
    }
    await database.exec("UPDATE orders SET status = 'delivered' WHERE id = 2");
    await vi.waitUntil(
      async () => (await (await fetch(`${url}/v2/rows/orders/2`)).text()).includes("delivered"),
      { timeout: 30_000 },
    );
    await tidemark.durable(seq);
    frozenMs = undefined;
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await tidemark?.stop();
    await database?.close();
  });
  beforeEach(async () => {
    page = await (await browser.newContext({ viewport: { width: 1440, height: 900 } })).newPage();
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    await page.context().close();
  });

  it("rewinds the page with one control, which says so everywhere and never says live", async () => {
    await open("#/positions");
    await expect.poll(() => text(".title .badge")).toBe("live");
    await page.getByRole("button", { name: "Rewind" }).click();
    const slider = page.getByRole("slider", { name: "Time" });
    await slider.waitFor();
    await expect.poll(() => slider.evaluate((each) => each === document.activeElement)).toBe(true);
    await page.keyboard.press("Home");
    await expect.poll(atInAddress).toBe(startMs);
    await expectMoment();
    await page.keyboard.press("Shift+ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect.poll(atInAddress).toBe(startMs + 61_000);
    await expectMoment();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await expect.poll(atInAddress).toBe(startMs + 59_000);
    await expectMoment();
    expect(await text(".title .badge")).toBe("rewound");
    expect(await text(".strip .link")).toBe("rewound to an earlier time");
    expect(await text(".time-bar .moment")).toMatch(/^as of .*\d\d:\d\d:\d\d, paused$/);
    expect(await slider.getAttribute("aria-valuetext")).toMatch(/\d\d:\d\d:\d\d$/);
    const words = (await text("body")).replace("Back to live", "");
    expect(words).not.toMatch(/\blive\b|rows\/s|delivery/i);
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await contrastFaults(page)).toEqual([]);
    }
    await page.keyboard.press("Escape");
    await expect.poll(() => text(".title .badge")).toBe("live");
    expect(parameters().get("at")).toBeNull();
    await expect.poll(table).toEqual(tableAt(Date.now()));
  });

  it("opens at the moment of the address, filtered and sorted, with whole rows of then", async () => {
    const atMs = startMs + 17.5 * STEP_MS;
    const then = tableAt(atMs);
    await openAt(atMs, "&f.symbol=%3DAAPL&sort=quantity&columns=id,symbol,quantity");
    const expected = then
      .filter(({ symbol }) => symbol === "AAPL")
      .sort((left, right) => Number(left["quantity"]) - Number(right["quantity"]))
      .map(({ note: _note, ...row }) => row);
    await expect.poll(table).toEqual(expected);
    await expect.poll(() => text(".title .count")).toBe(`${expected.length} matching rows`);
    const [first] = expected;
    await page.locator(`.grid-row[data-key="${first?.["id"]}"] .cell`).first().click();
    const note = then.find(({ id }) => id === first?.["id"])?.["note"];
    await expect.poll(() => text(".detail dl")).toContain(`note text ${note}`);
  });

  it("shows the moment at which a dragged slider is let go", async () => {
    await openAt(startMs + 5 * STEP_MS);
    await expectMoment();
    const box = await page.getByRole("slider", { name: "Time" }).boundingBox();
    if (box === null) throw new Error("The slider is not visible.");
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + 10, y);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.8, y, { steps: 30 });
    await page.mouse.move(box.x + box.width * 0.45, y, { steps: 10 });
    await page.mouse.up();
    await expect.poll(atInAddress).toBeGreaterThan(startMs + 20 * STEP_MS);
    await expectMoment();
  });

  it("plays on through tables that were, pauses at one, and becomes live at the end", async () => {
    const fromMs = startMs + 20.5 * STEP_MS;
    const known = new Map<string, number>();
    for (let round = 0; round < COMMITS; round++)
      known.set(JSON.stringify(tableAt(startMs + round * STEP_MS)), round);
    await openAt(fromMs, "&speed=60");
    await expectMoment();
    await page.evaluate(() => {
      const shifts: string[] = [];
      Object.assign(globalThis, { shifts });
      interface Shift extends PerformanceEntry {
        readonly sources: readonly { readonly node: Node | null }[];
      }
      new PerformanceObserver((list) => {
        for (const { sources } of list.getEntries() as Shift[])
          for (const { node } of sources) {
            const element = node instanceof Element ? node : node?.parentElement;
            // A number that is aligned right, and the button that was pressed, have other texts.
            if (!element?.closest(".cell.number, .play")) shifts.push(element?.className ?? "?");
          }
      }).observe({ type: "layout-shift" });
    });
    await page.keyboard.press("Space");
    const rounds: (number | undefined)[] = [];
    await expect
      .poll(async () => {
        rounds.push(known.get(JSON.stringify(await table())));
        return rounds.at(-1);
      })
      .toBeGreaterThan(28);
    expect(rounds).not.toContain(undefined);
    expect(rounds).toEqual(rounds.toSorted((left = 0, right = 0) => left - right));
    expect(await text(".time-bar .moment")).toMatch(/, 60×$/);
    expect(parameters().get("play")).toBe("1");
    expect(await page.evaluate(() => (globalThis as { shifts?: string[] }).shifts)).toEqual([]);
    await page.keyboard.press("Space");
    await expect.poll(() => parameters().get("play")).toBeNull();
    await expectMoment();
    expect(atInAddress()).toBeGreaterThan(startMs + 28 * STEP_MS);
    await openAt(startMs + (COMMITS - 1.5) * STEP_MS, "&speed=60&play=1");
    await expect.poll(() => text(".title .badge")).toBe("live");
    expect(parameters().get("at")).toBeNull();
  });

  it("rewinds a table of Postgres, and says of others that they have no past", async () => {
    await open(`#/orders?at=${new Date(startMs + STEP_MS).toISOString()}`);
    const rows = (status: string) => [
      { id: "2", status },
      { id: "1", status: "placed" },
    ];
    await expect.poll(table).toEqual(rows("placed"));
    await open(`#/orders?at=${new Date(startMs + COMMITS * STEP_MS).toISOString()}`);
    await expect.poll(table).toEqual(rows("delivered"));
    await page.keyboard.press("]");
    await expect.poll(() => text("main")).toContain("plain keeps no history");
    await page.getByRole("button", { name: "Back to live" }).click();
    await expect.poll(() => text(".title .badge")).toBe("live");
    expect(await page.getByRole("button", { name: "Rewind" }).isDisabled()).toBe(true);
  });

  it("says that older versions are no longer kept, and goes to the oldest moment", async () => {
    const keptMs = startMs + 30 * STEP_MS;
    const { page: read } = store;
    const seqThen = store.entries.find(({ timeMs }) => timeMs >= keptMs)?.seq ?? 0;
    vi.spyOn(store, "page").mockImplementation((query) =>
      query.asOf < seqThen
        ? Promise.reject(new TidemarkError("HISTORY_TRIMMED", "gone"))
        : read.call(store, query),
    );
    vi.spyOn(store, "span").mockResolvedValue({
      fromSeq: seqThen,
      fromTimeMs: keptMs,
      rows: 0,
      bytes: 0,
    });
    await openAt(startMs + 3 * STEP_MS);
    await expect.poll(() => text("main")).toContain("The history does not go back that far");
    await page.getByRole("button", { name: "Go to the beginning" }).click();
    await expect.poll(atInAddress).toBe(keptMs);
    await expectMoment();
  });
});

/** One of the lists of the patterns page, with what it has measured so far. */
import { percentile } from "../support/report.ts";
import { SHOWN_ROWS, type Order } from "./orders.ts";

const COLUMNS = ["id", "symbol", "side", "price", "quantity"] as const;
const SHARES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

export class Panel {
  readonly #cells: readonly (readonly HTMLElement[])[];
  readonly #values: Readonly<Record<keyof typeof SHARES | "state", HTMLElement>>;

  constructor(title: string, text: string) {
    const [section, head] = [element("section"), element("div")];
    const stated = element("dl");
    const value = (name: string): HTMLElement => {
      const [term, description] = [element("dt", name), element("dd", "–")];
      stated.append(term, description);
      return description;
    };
    this.#values = {
      p50: value("on screen p50"),
      p95: value("p95"),
      p99: value("p99"),
      state: value("state"),
    };
    head.append(element("h2", title), element("p", text), stated);
    const table = element("table");
    const line = element("tr");
    line.append(...COLUMNS.map((name) => element("th", name)));
    table.append(line);
    this.#cells = Array.from({ length: SHOWN_ROWS }, () => {
      const cells = COLUMNS.map(() => element("td"));
      const row = element("tr");
      row.append(...cells);
      table.append(row);
      return cells;
    });
    section.append(head, table);
    document.querySelector("main")?.append(section);
  }

  draw(rows: readonly Order[]): void {
    for (const [place, cells] of this.#cells.entries()) {
      const row = rows[place];
      for (const [at, cell] of cells.entries()) {
        const text = row?.[COLUMNS[at] as (typeof COLUMNS)[number]] ?? "";
        if (cell.textContent !== text) cell.textContent = text;
      }
    }
  }

  /** The times of the newest rows from their making to the screen, and whether the list is live. */
  state(latencies: readonly number[], state: string): void {
    this.#values.state.textContent = state;
    for (const [name, share] of Object.entries(SHARES) as [keyof typeof SHARES, number][])
      if (latencies.length > 0)
        this.#values[name].textContent = `${percentile(latencies, share).toFixed(0)} ms`;
  }
}

function element(tag: string, text = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

/** The columns of the other tables for the palette, asked for table by table while it is open. */
import { useEffect, useState } from "react";
import { useTidemarkClient } from "../src/react/index.ts";
import type { Command, PalettePage } from "./palette.tsx";

/** Of servers with more tables, the first ones. */
const TABLES_MAX = 200;
/** How many pictures a table may take until its columns are there. */
const FRAMES_MAX = 300;

/** Nothing is asked for until it is `wanted`. A table that can't be described has no columns here. */
export function useOtherColumns(page: PalettePage, isWanted: boolean): readonly Command[] {
  const client = useTidemarkClient();
  const [columns, setColumns] = useState<readonly Command[]>([]);
  useEffect(() => {
    if (!isWanted) return undefined;
    const abort = new AbortController();
    setColumns([]);
    const ask = async (): Promise<void> => {
      const others = page.tables.filter((table) => table !== page.shown);
      for (const table of others.slice(0, TABLES_MAX)) {
        const described = await client.describe(table, abort).catch(() => undefined);
        if (abort.signal.aborted) return;
        const found = (described?.columns ?? []).map(({ name }): Command => {
          const run = (): void => void go(page, table, name);
          return { kind: "column", name, detail: table, run, isElsewhere: true };
        });
        setColumns((before) => [...before, ...found]);
      }
    };
    void ask();
    return () => abort.abort();
    // The tables of the moment at which it is wanted.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies, react-hooks/exhaustive-deps
  }, [client, isWanted]);
  return columns;
}

/** Shows the table, and goes to the column's filter when it is there. */
async function go({ select, offers }: PalettePage, table: string, name: string): Promise<void> {
  select(table);
  for (let frame = 0; frame < FRAMES_MAX; frame++) {
    await new Promise(requestAnimationFrame);
    if (offers.current?.columns.some((column) => column.name === name) === true)
      return offers.current.toColumn(name);
  }
}

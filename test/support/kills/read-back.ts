/** Reads a server's history and live tables over HTTP. */

export interface HistoryRow {
  readonly seq: number;
  readonly row: Readonly<Record<string, unknown>>;
}

interface Page {
  readonly rows: readonly HistoryRow["row"][];
  readonly seqs: readonly number[];
  readonly next: string | null;
}

const PAGE_ROWS = 1_000;

async function getJson<T>(url: string): Promise<T> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as T;
}

/** Every row of a channel, page by page. */
export async function readHistory(
  url: string,
  channel: string,
  asOf?: number,
): Promise<readonly HistoryRow[]> {
  const rows: HistoryRow[] = [];
  const first = new URLSearchParams({ channel, limit: String(PAGE_ROWS) });
  if (asOf !== undefined) first.set("as_of", String(asOf));
  for (let parameters = first; ;) {
    const page = await getJson<Page>(`${url}/v2/history?${parameters}`);
    rows.push(...page.rows.map((row, index) => ({ seq: page.seqs[index] ?? 0, row })));
    if (page.next === null) return rows;
    parameters = new URLSearchParams({
      channel,
      limit: String(PAGE_ROWS),
      after: page.next,
    });
  }
}

/** The rows of a live table as sorted texts. */
export async function readLive(url: string, channel: string): Promise<readonly string[]> {
  const { channels } = await getJson<{
    readonly channels: Readonly<Record<string, { readonly rows: readonly unknown[] }>>;
  }>(`${url}/v2/snapshot?channels=${channel}`);
  return (channels[channel]?.rows ?? []).map((row) => JSON.stringify(row)).sort();
}

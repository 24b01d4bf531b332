/**
 * The rows of a view as the bytes of their JSON. Rows change little between two snapshots, so the
 * bytes of those that have not changed are kept, in chunks.
 */

/** Rows of a chunk at most. Shorter ones, as at the end, are encoded again with what follows. */
const CHUNK_ROWS = 64;
const CHUNK_ROWS_KEPT = CHUNK_ROWS / 2;

export interface EncodableRow {
  readonly key: string;
  readonly json: string;
}

interface Chunk {
  readonly firstKey: string;
  readonly jsons: readonly string[];
  /** Of the rows, with a comma between two. */
  readonly bytes: Buffer;
}

export class EncodedRows {
  #chunks: readonly Chunk[] = [];

  /** Bytes that it keeps. */
  get size(): number {
    return this.#chunks.reduce((size, { bytes }) => size + bytes.length, 0);
  }

  /** The rows in their order, with a comma between two: the parts of one text. */
  encode(rows: Iterable<EncodableRow>): readonly Buffer[] {
    const kept = new Map<string, Chunk>();
    for (const chunk of this.#chunks)
      if (chunk.jsons.length >= CHUNK_ROWS_KEPT) kept.set(chunk.firstKey, chunk);
    const all = Array.from(rows);
    const chunks: Chunk[] = [];
    let fresh: EncodableRow[] = [];
    const addFresh = (): void => {
      if (fresh.length > 0) chunks.push(chunkOf(fresh));
      fresh = [];
    };
    for (let at = 0; at < all.length;) {
      const row = all[at] as EncodableRow;
      const chunk = kept.get(row.key);
      if (chunk !== undefined && isAt(chunk, all, at)) {
        addFresh();
        chunks.push(chunk);
        at += chunk.jsons.length;
        continue;
      }
      fresh.push(row);
      at++;
      if (fresh.length === CHUNK_ROWS) addFresh();
    }
    addFresh();
    this.#chunks = chunks;
    return chunks.flatMap(({ bytes }, index) => (index === 0 ? [bytes] : [COMMA, bytes]));
  }
}

/** Fewer rows are encoded each time. */
const ROWS_MIN = 2 * CHUNK_ROWS;
/** Rows that nobody has asked for so long are forgotten. */
const KEEP_MS = 60_000;

/** The encoded rows of the views that were asked for last, within so many bytes together. */
export class EncodedViews {
  readonly #bytesMax: number;
  /** By the view's id; the one that was asked for longest ago is the first. */
  readonly #views = new Map<string, { readonly rows: EncodedRows; readonly askedMs: number }>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** As `EncodedRows.encode`. `nowMs`: monotonic. */
  encode({ id, rows }: EncodableView, nowMs: number): readonly Buffer[] {
    if (rows.size < ROWS_MIN) return new EncodedRows().encode(rows.values());
    const encoded = this.#views.get(id)?.rows ?? new EncodedRows();
    const parts = encoded.encode(rows.values());
    this.#views.delete(id);
    if (encoded.size > this.#bytesMax) return parts;
    this.#views.set(id, { rows: encoded, askedMs: nowMs });
    let bytes = 0;
    for (const each of this.#views.values()) bytes += each.rows.size;
    for (const [oldest, each] of this.#views) {
      if (bytes <= this.#bytesMax) break;
      this.#views.delete(oldest);
      bytes -= each.rows.size;
    }
    return parts;
  }

  sweep(nowMs: number): void {
    for (const [id, { askedMs }] of this.#views)
      if (nowMs - askedMs > KEEP_MS) this.#views.delete(id);
  }
}

export interface EncodableView {
  readonly id: string;
  readonly rows: { readonly size: number; values(): Iterable<EncodableRow> };
}

const COMMA = Buffer.from(",");

function chunkOf(rows: readonly EncodableRow[]): Chunk {
  const jsons = rows.map(({ json }) => json);
  return { firstKey: (rows[0] as EncodableRow).key, jsons, bytes: Buffer.from(jsons.join(",")) };
}

function isAt({ jsons }: Chunk, rows: readonly EncodableRow[], at: number): boolean {
  return jsons.every((json, index) => rows[at + index]?.json === json);
}

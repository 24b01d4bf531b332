/**
 * Many small clients in one process, for reconnect storms. Each has its rows and its cursor,
 * resumes from it, and spreads its return over a second as Tidemark's client does. Ten thousand of
 * the real clients would need more than this machine.
 */
import { WebSocket } from "ws";
import { answer, cpuMeter } from "./child.ts";

interface Frame {
  readonly op: string;
  readonly type?: string;
  readonly session_id?: string;
  readonly epoch?: string;
  readonly seq?: number;
  readonly prev_seq?: number;
  readonly more?: boolean;
  readonly mode?: string;
  readonly rows?: readonly { readonly id: string; readonly trade_id: number }[];
  readonly patch?: {
    readonly upsert: readonly { readonly id: string; readonly trade_id: number }[];
    readonly remove: readonly string[];
  };
}

const RETURN_MS = 1_000;

class SmallClient {
  readonly rows = new Map<string, number>();
  isWhole = false;
  snapshots = 0;
  readonly #url: string;
  #cursor: { epoch: string; seq: number } | undefined;
  #epoch = "";
  #token = "";
  #socket: WebSocket | undefined;

  constructor(url: string) {
    this.#url = url;
    this.#connect();
  }

  /** Cuts all connections. */
  cut(): void {
    this.#socket?.terminate();
  }

  #connect(): void {
    const socket = new WebSocket(this.#url, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on("message", (data) => this.#receive(JSON.parse(String(data)) as Frame, socket));
    socket.on("error", () => {});
    socket.on("close", () => {
      this.isWhole = false;
      setTimeout(() => this.#connect(), Math.random() * RETURN_MS);
    });
  }

  #receive(frame: Frame, socket: WebSocket): void {
    const { epoch, seq } = this.#cursor ?? { epoch: "", seq: -1 };
    if (frame.op === "HELLO") {
      const cursor = this.#cursor && { epoch, view: "trades", seq };
      const hello =
        this.#token === "" ? { op: "IDENTIFY" } : { op: "RESUME", session_id: this.#token };
      socket.send(
        JSON.stringify({
          ...hello,
          subscriptions: [{ channel: "trades", ...(cursor && { cursor }) }],
        }),
      );
    } else if (frame.type === "READY" || frame.type === "RESUMED") {
      this.#token = frame.session_id ?? "";
      this.#epoch = frame.epoch ?? "";
    } else if (frame.type === "SNAPSHOT") {
      if (this.isWhole || frame.more !== true) this.snapshots++;
      for (const { id, trade_id } of frame.rows ?? []) this.rows.set(id, trade_id);
      this.#cursor = { epoch: this.#epoch, seq: frame.seq ?? 0 };
    } else if (frame.type === "DELTA_BATCH" && (frame.seq ?? 0) > seq) {
      for (const { id, trade_id } of frame.patch?.upsert ?? []) this.rows.set(id, trade_id);
      for (const id of frame.patch?.remove ?? []) this.rows.delete(id);
      this.#cursor = { epoch: this.#epoch, seq: frame.seq ?? 0 };
    } else if (frame.type === "WATERMARK") {
      this.isWhole = true;
    }
  }
}

const clients: SmallClient[] = [];
const meter = cpuMeter();
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

answer({
  open: async ({ port, count }) => {
    for (let index = 0; index < Number(count); index++) {
      clients.push(new SmallClient(`ws://127.0.0.1:${String(port)}/v2/stream`));
      if (index % 50 === 49) await pause(20);
    }
    while (clients.some(({ isWhole }) => !isWhole)) await pause(20);
    for (const client of clients) client.snapshots = 0;
    meter();
  },
  cut: () => {
    for (const client of clients) client.cut();
  },
  /**
   * Resolves when all clients have exactly these rows, with the time of the last one and the count
   * of snapshots.
   */
  exact: async ({ rows }) => {
    const expected = new Map(rows as [string, number][]);
    const isExact = ({ isWhole, rows: actual }: SmallClient): boolean =>
      isWhole &&
      actual.size === expected.size &&
      [...actual].every(([id, value]) => expected.get(id) === value);
    let left: readonly SmallClient[] = clients;
    while (left.length > 0) {
      left = left.filter((client) => !isExact(client));
      if (left.length > 0) await pause(20);
    }
    return {
      atMs: performance.timeOrigin + performance.now(),
      snapshots: clients.reduce((sum, { snapshots }) => sum + snapshots, 0),
    };
  },
});

/** A server with channels that take rows over HTTP, and producers of them. */
import { request, type ClientRequest } from "node:http";
import { ScriptedStore } from "../../src/history/scripted-store.ts";
import { channel } from "../../src/server/channel.ts";
import type { TidemarkOptions } from "../../src/server/options.ts";
import { createTidemark } from "../../src/server/tidemark.ts";
import { silent } from "./silent.ts";
import { atEnd } from "./trades-server.ts";

interface Trade {
  readonly id: string;
  readonly price: number;
}
type Headers = Readonly<Record<string, string>>;
interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

const canWrite = (caller: string): boolean => caller.startsWith("writer");
const channels = {
  trades: channel<Trade, string>({ key: "id", history: { maxDelayMs: 1 }, ingest: canWrite }),
  notes: channel<Trade, string>({ key: "id", ingest: canWrite }),
  hidden: channel<Trade, string>({ key: "id", policy: () => "none", ingest: canWrite }),
  readable: channel<Trade, string>({ key: "id" }),
  failing: channel<Trade, string>({
    key: "id",
    ingest: () => {
      throw new Error("no rights today");
    },
  }),
};

/** `open` begins a request whose body the test writes. The server stops with `stopAll`. */
export async function startIngest(options: Partial<TidemarkOptions<typeof channels, string>> = {}) {
  const store = (options.history as ScriptedStore | undefined) ?? new ScriptedStore();
  const tidemark = createTidemark({
    logger: silent,
    authenticate: ({ headers }) => String(headers["authorization"] ?? "writer"),
    channels,
    history: store,
    ...options,
  });
  const { url } = await tidemark.listen({ port: 0 });
  atEnd(() => tidemark.stop());
  const send = async (body: BodyInit, headers: Headers = {}, name = "trades"): Promise<Answer> => {
    const response = await fetch(`${url}/v2/ingest/${name}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body,
    });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: (await response.json()) as Answer["body"],
    };
  };
  const json = (body: unknown, headers: Headers = {}, name?: string): Promise<Answer> =>
    send(JSON.stringify(body), headers, name);
  const lines = (body: BodyInit, headers: Headers = {}): Promise<Answer> =>
    send(body, { "content-type": "application/x-ndjson", ...headers });
  /** A request whose body the test writes, and its answer. */
  const open = (): { readonly sent: ClientRequest; readonly answer: Promise<Answer> } => {
    const sent = request(`${url}/v2/ingest/trades`, {
      method: "POST",
      headers: { "content-type": "application/x-ndjson" },
    });
    const answer = new Promise<Answer>((resolve, reject) => {
      sent.on("error", reject);
      sent.on("response", (response) => {
        let text = "";
        response.on("data", (chunk) => (text += String(chunk)));
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers as Headers,
            body: JSON.parse(text) as Answer["body"],
          }),
        );
      });
    });
    answer.catch(() => {});
    return { sent, answer };
  };
  const metric = async (name: string): Promise<number> => {
    const { url: operators } = await operatorsOf();
    const text = await (await fetch(`${operators}/metrics`)).text();
    return Number(new RegExp(`^${name.replace(/[{}]/g, "\\$&")} (.*)$`, "m").exec(text)?.[1]);
  };
  let listening: Promise<{ readonly url: string }> | undefined;
  const operatorsOf = () => (listening ??= tidemark.listenForOperators());
  const trades = tidemark.channel("trades");
  return { tidemark, store, url, trades, send, json, lines, open, metric };
}

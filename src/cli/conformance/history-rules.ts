/**
 * H6 to H8: pages of history over HTTP, the feed that keeps them exact, and replays of the past.
 */
import type { Row } from "../../protocol/row.ts";
import { VERSIONS } from "../../protocol/version.ts";
import { check, type Check } from "./check.ts";
import { must, skip } from "./check-result.ts";
import { ClientModel } from "./client-model.ts";
import { eventually, type Frame, type RawClient } from "./raw-client.ts";
import type { TestedServer } from "./tested-server.ts";

export const HISTORY_RULES: readonly Check[] = [
  check(
    "H6",
    "a page of history is as of one seq, and the next one continues it",
    async (server) => {
      const first = await page(server, "&limit=2");
      const rows = first["rows"] as readonly Row[];
      must(
        typeof first["epoch"] === "string" &&
          Number.isSafeInteger(first["complete_through"]) &&
          Number.isSafeInteger(first["complete_from"]) &&
          Array.isArray(first["seqs"]) &&
          first["seqs"].length === rows.length,
        "it has epoch, complete_through, complete_from, and a seq for each row",
        { ...first, rows: undefined },
      );
      must(rows.length <= 2, "it has at most limit rows", rows.length);
      if (first["next"] === null) return;
      const second = await page(server, `&limit=2&after=${String(first["next"])}`);
      must(
        second["complete_through"] === first["complete_through"],
        "the next page is as of the same seq",
        second["complete_through"],
      );
      const texts = rows.map((row) => JSON.stringify(row));
      must(
        !(second["rows"] as readonly Row[]).some((row) => texts.includes(JSON.stringify(row))),
        "no row is in both pages",
        second["rows"],
      );
    },
  ),
  check(
    "H6",
    "a channel that is not known, and one without history, are refused",
    async (server) => {
      const { status, body } = await server.json("/history?channel=no-such-channel");
      must(
        status === 404 && ["UNKNOWN_CHANNEL", "NO_HISTORY"].includes(String(body["code"])),
        "no such channel is 404",
        body,
      );
    },
  ),
  check("H7", "a feed continues behind the page that names it", async (server) => {
    await page(server, "&limit=1");
    const { channel } = server;
    const body = JSON.stringify({ query: { channel, limit: 1 }, feed: true });
    const response = await server.json("/history", { method: "POST", body });
    const { epoch, feed, complete_through: seq } = response.body;
    must(typeof feed === "string", "the answer has the id of the feed", response.body);
    const client = await server.identified([
      { channel, history: true, cursor: { epoch, view: feed, seq } },
    ]);
    const told = await client.receive({ type: "SUBSCRIBED" });
    must(told["mode"] === "delta", "the subscription continues after the page", told);
  }),
  check(
    "H8",
    "a replay ends with the rows of its last seq, in an epoch of its own",
    async (server) => {
      const { complete_through: to, epoch } = await page(server, "&limit=1");
      const { rows, next } = await page(server, `&as_of=${String(to)}`);
      const client = await replay(server, `from=${String(to)}&to=${String(to)}`);
      const mark = await client.receive({ type: "WATERMARK" });
      const ready = client.frames.find(({ type }) => type === "READY");
      must(ready?.["epoch"] !== epoch, "its epoch is not that of the live stream", ready);
      const model = new ClientModel();
      model.takeThrough(client.frames, mark);
      must(model.violations.length === 0, "its frames are those of the stream", model.violations);
      const [view] = model.views.values();
      if (Number(mark["seq"]) !== to) skip("the store does not hold the newest commit yet");
      const texts = (list: Iterable<Row>): string => Array.from(list, textOf).sort().join();
      must(
        next !== null || texts(view?.rows.values() ?? []) === texts(rows as readonly Row[]),
        "its rows are those of the page as of that seq",
      );
      const told = await client.receive({ type: "CHANNEL_STATUS" });
      must(told["status"] === "stale", "at its end it is stale", told);
    },
  ),
  check("H8", "a replay without sense is refused with 400", async (server) => {
    await page(server, "&limit=1");
    for (const parameters of ["", "from=x", "from=1&speed=-1", "from=5&to=1"]) {
      const client = server.open({}, `/replay?${parameters}`);
      const status = await eventually(
        () => client.refusedWith,
        () => `/replay?${parameters} is not refused`,
        server.timeoutMs,
      );
      must(status === 400, `/replay?${parameters} is refused with 400`, status);
    }
  }),
];

async function replay(server: TestedServer, parameters: string): Promise<RawClient> {
  const { auth, channel } = server;
  const client = server.open({}, `/replay?${parameters}&channels=${encodeURIComponent(channel)}`);
  await client.receive({ op: "HELLO" });
  client.send({ op: "IDENTIFY", ...VERSIONS, auth, subscriptions: [{ channel }] });
  await client.receive({ type: "READY" });
  return client;
}

function textOf(row: Row): string {
  return JSON.stringify(Object.entries(row).sort(([left], [right]) => (left < right ? -1 : 1)));
}

async function page(server: TestedServer, more: string): Promise<Frame> {
  const { status, body } = await server.json(
    `/history?channel=${encodeURIComponent(server.channel)}${more}`,
  );
  if (body["code"] === "NO_HISTORY") skip("the channel keeps no history");
  must(status === 200, `/history is answered ${status}`, body);
  return body;
}

/** H6 and H7: pages of history over HTTP, and the feed that keeps them exact. */
import type { Row } from "../../protocol/row.ts";
import { check, type Check } from "./check.ts";
import { must, skip } from "./check-result.ts";
import type { Frame } from "./raw-client.ts";
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
          Array.isArray(first["seqs"]) &&
          first["seqs"].length === rows.length,
        "it has epoch, complete_through, and a seq for each row",
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
];

async function page(server: TestedServer, more: string): Promise<Frame> {
  const { status, body } = await server.json(
    `/history?channel=${encodeURIComponent(server.channel)}${more}`,
  );
  if (body["code"] === "NO_HISTORY") skip("the channel keeps no history");
  must(status === 200, `/history is answered ${status}`, body);
  return body;
}

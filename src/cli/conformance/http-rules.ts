/** H1 to H5: snapshots, single rows and errors over HTTP, and how they join the stream. */
import { delay, systemClock } from "../../std/clock.ts";
import type { Row } from "../../protocol/row.ts";
import { check, type Check } from "./check.ts";
import { ClientModel } from "./client-model.ts";
import type { Frame } from "./raw-client.ts";
import { differences } from "./scenario.ts";
import { byKey, type TestedServer } from "./tested-server.ts";
import { must, skip } from "./check-result.ts";

interface Part {
  readonly mode?: string;
  readonly key?: readonly string[];
  readonly rows?: readonly Row[];
  readonly patch?: { readonly upsert: readonly Row[]; readonly remove: readonly string[] };
  readonly [field: string]: unknown;
}

export const HTTP_RULES: readonly Check[] = [
  check(
    "H1",
    "a snapshot has its seq, its revision as ETag, and is not cached by proxies",
    async (server) => {
      const { body, headers, part } = await snapshot(server);
      must(
        typeof body["epoch"] === "string" &&
          Number.isSafeInteger(body["snapshot_seq"]) &&
          typeof body["resume_token_ttl_ms"] === "number",
        "it has epoch, snapshot_seq and resume_token_ttl_ms",
        { ...body, channels: undefined },
      );
      must(
        String(body["revision"]).startsWith(
          `${String(body["epoch"])}:${String(body["snapshot_seq"])}`,
        ),
        "revision begins with epoch:seq",
        body["revision"],
      );
      must(
        headers.get("etag")?.replace(/^W\//, "") === `"${String(body["revision"])}"`,
        "ETag is the revision",
        headers.get("etag"),
      );
      must(
        headers.get("cache-control") === "private, no-cache",
        "Cache-Control is private, no-cache",
        headers.get("cache-control"),
      );
      must(
        part.mode === "snapshot" &&
          typeof part["view"] === "string" &&
          Array.isArray(part.key) &&
          Array.isArray(part["columns"]) &&
          typeof part["status"] === "string" &&
          Array.isArray(part.rows),
        "the channel has mode, view, key, columns, status and rows",
        { ...part, rows: undefined },
      );
    },
  ),
  check("H1", "If-None-Match is 304 until the channel changes", async (server) => {
    const writer = await server.writer();
    const row = writer.row("h1", "h1", 1);
    await snapshotReaches(server, await writer.write({ upsert: [row] }));
    for (let attempt = 0; attempt < 3; attempt++) {
      const { headers } = await snapshot(server);
      const ask = async (): Promise<number> => {
        const response = await server.http(pathOf(server), {
          headers: { "if-none-match": headers.get("etag") ?? "" },
        });
        await response.body?.cancel();
        return response.status;
      };
      const [unchanged, after] = [await ask(), await snapshot(server)];
      // Another program may have written.
      if (unchanged !== 304 && after.headers.get("etag") !== headers.get("etag")) continue;
      must(unchanged === 304, "it is 304 while nothing has changed", unchanged);
      await writer.write({ upsert: [{ ...row, amount: 2 }] });
      must((await ask()) === 200, "it is 200 after a change");
      return;
    }
    skip("the channel changes too fast");
  }),
  check(
    "H2",
    "the stream joins the snapshot over HTTP: no change is missing, none is sent twice",
    async (server) => {
      const writer =
        server.options.mutation === undefined && server.options.ingest === undefined
          ? undefined
          : await server.writer();
      const [existing, row] = [writer?.row("h2a", "h2", 1), writer?.row("h2b", "h2", 1)];
      if (existing !== undefined)
        await snapshotReaches(server, (await writer?.write({ upsert: [existing] })) ?? 0);
      const { body, part } = await snapshot(server);
      const seq =
        row === undefined ? Number(body["snapshot_seq"]) : await writer?.write({ upsert: [row] });
      const client = await server.identified([server.channel], {
        snapshot_seq: body["snapshot_seq"],
        epoch: body["epoch"],
      });
      const answer = await client.receive({ type: "SUBSCRIBED" });
      must(
        answer["mode"] === "delta" && answer["from_seq"] === body["snapshot_seq"],
        `the stream continues from ${String(body["snapshot_seq"])}`,
        answer,
      );
      await client.turnEnd(seq);
      const model = new ClientModel();
      model.takeThrough(client.frames, answer);
      const view = model.views.get(String(answer["view"]));
      must(view !== undefined, "the view is subscribed");
      view.rows = byKey(part.rows ?? [], view.key);
      const last = client.frames.at(-1) ?? answer;
      model.takeThrough(client.frames, last);
      const fresh = await server.identified([server.channel]);
      await fresh.turnEnd(seq);
      const whole = new ClientModel();
      whole.takeAll(fresh.frames);
      const other = whole.views.get(String(answer["view"]));
      if (other?.local !== view.local && (other?.local ?? 0) > model.seq)
        skip("the channel changes too fast");
      const wrong = differences([...view.rows.values()], [...(other?.rows.values() ?? [])]);
      must(
        wrong.length === 0,
        `the HTTP snapshot with the changes of the stream differs from the stream's own snapshot: it ${wrong[0]} (${wrong.length} in all)`,
      );
    },
  ),
  check(
    "H3",
    "with since_seq, or a cursor, the answer has the changes after it",
    async (server) => {
      const writer = await server.writer();
      const [kept, gone] = [writer.row("h3a", "h3", 1), writer.row("h3b", "h3", 1)];
      await writer.write({ upsert: [kept, gone] });
      const { body } = await snapshot(server);
      await writer.write({ upsert: [{ ...kept, amount: 2 }], remove: [gone.id] });
      for (const ask of [
        `since_seq=${String(body["snapshot_seq"])}`,
        `cursor=${encodeURIComponent(String(body["revision"]))}`,
      ]) {
        const { part } = await snapshot(server, `&${ask}`);
        must(part.mode === "delta" && part.patch !== undefined, `${ask} is answered by a delta`, {
          ...part,
          rows: undefined,
        });
        must(part.patch.remove.includes(gone.id), "a removed row is in remove", part.patch.remove);
        must(
          part.patch.upsert.some(({ id, amount }) => id === kept.id && amount === 2),
          "a changed row is in upsert, with its newest values",
          part.patch.upsert,
        );
      }
    },
  ),
  check("H4", "a single row has its seq, and an unknown row is 404", async (server) => {
    const writer = await server.writer();
    const row = writer.row("h4", "h4", 1);
    const seq = await writer.write({ upsert: [row] });
    const path = `/rows/${encodeURIComponent(server.channel)}/${encodeURIComponent(row.id)}`;
    const { status, body } = await server.json(path);
    must(
      status === 200 &&
        body["seq"] === seq &&
        Number(body["as_of_seq"]) >= seq &&
        typeof body["committed_unix_ms"] === "number" &&
        typeof body["epoch"] === "string",
      `it has epoch, as_of_seq, committed_unix_ms and seq ${seq}`,
      body,
    );
    must(differences([body["row"] as Row], [row]).length === 0, "it equals the written row", body);
    const missing = await server.json(`${path}-none`);
    must(
      missing.status === 404 && missing.body["code"] === "UNKNOWN_ROW",
      "an unknown row is 404 UNKNOWN_ROW",
      missing.body,
    );
  }),
  check("H5", "errors are {code, message, retryable} with a status that fits", async (server) => {
    const asked: readonly (readonly [string, number, string])[] = [
      ["/snapshot?channels=no-such-channel", 404, "UNKNOWN_CHANNEL"],
      ["/snapshot", 400, "BAD_MESSAGE"],
      ["/snapshot?channels=x&since_seq=-1", 400, "BAD_MESSAGE"],
    ];
    for (const [path, status, code] of asked) {
      const answer = await server.json(path);
      isError(answer.body);
      must(
        answer.status === status && answer.body["code"] === code,
        `${path} is ${status} ${code}`,
        { status: answer.status, ...answer.body },
      );
    }
  }),
  check(
    "H5",
    "/healthz, /readyz and /metrics serve operators",
    async ({ base, options: { timeoutMs } }) => {
      for (const path of ["/healthz", "/readyz", "/metrics"]) {
        const response = await fetch(new URL(path, base), {
          signal: AbortSignal.timeout(timeoutMs),
        });
        const text = await response.text();
        must(response.status === 200, `${path} is 200 for every caller`, response.status);
        if (path === "/metrics")
          must(/^# (HELP|TYPE) /m.test(text), "/metrics is Prometheus text", text.slice(0, 80));
      }
    },
  ),
];

function pathOf({ channel }: TestedServer): string {
  return `/snapshot?channels=${encodeURIComponent(channel)}`;
}

async function snapshot(
  server: TestedServer,
  more = "",
): Promise<{ readonly body: Frame; readonly headers: Response["headers"]; readonly part: Part }> {
  const { status, body, headers } = await server.json(pathOf(server) + more);
  must(status === 200, `${pathOf(server)}${more} is answered ${status}`, body);
  const part = (body["channels"] as Readonly<Record<string, Part>> | undefined)?.[server.channel];
  must(part !== undefined, "the answer has the channel", body);
  return { body, headers, part };
}

/** A server may reuse the body of a snapshot for a short time. */
async function snapshotReaches(server: TestedServer, seq: number): Promise<void> {
  const endMs = systemClock.monotonic() + server.timeoutMs;
  while (Number((await snapshot(server)).body["snapshot_seq"]) < seq) {
    must(systemClock.monotonic() < endMs, `no snapshot over HTTP reaches ${seq}`);
    await delay(systemClock, 50);
  }
}

function isError(body: Frame): void {
  must(
    typeof body["code"] === "string" &&
      typeof body["message"] === "string" &&
      typeof body["retryable"] === "boolean",
    "an error has code, message and retryable",
    body,
  );
}

/** `tidemark conformance` on a correct server, and on servers that each break one rule. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { ScriptedStore } from "../src/history/scripted-store.ts";
import { channel, createTidemark, mutation, type TidemarkOptions } from "../src/index.ts";
import { SERVER_DEFECTS } from "./support/server-defects.ts";
import { startMalformedServer, type Defect } from "./support/malformed-server.ts";
import { silent } from "./support/silent.ts";
import { atEnd, stopAll } from "./support/trades-server.ts";
import { conformance, type ConformanceOptions } from "../src/cli/conformance.ts";
import { CHECKS } from "../src/cli/conformance/rules.ts";

afterEach(stopAll);

const row = z.object({
  id: z.string(),
  kind: z.string(),
  amount: z.number().nullable(),
  note: z.string().nullable(),
});
const things = channel<z.infer<typeof row>>({
  key: "id",
  columns: { id: "text", kind: "text", amount: "float", note: "text" },
});
/** The mutation that a server provides, so that the suite can write its own rows. */
const writeThings = mutation({
  source: "memory",
  input: z.object({ upsert: z.array(row), remove: z.array(z.string()) }),
  row: ({ upsert, remove }) => ({ channel: "things", key: upsert[0]?.id ?? remove[0] ?? "" }),
  handler: ({ input: { upsert, remove }, write }) => {
    if (upsert.length > 0) write.upsert("things", upsert);
    if (remove.length > 0) write.remove("things", remove);
  },
});

const CORRECT: TidemarkOptions = {
  limits: { server: { digestIntervalMs: 50 } },
  channels: { things },
  mutations: { writeThings },
};

async function started(options: Partial<TidemarkOptions> = {}) {
  const tidemark = createTidemark({ logger: silent, ...CORRECT, ...options });
  const { url } = await tidemark.listen({ port: 0 });
  atEnd(() => tidemark.stop());
  return { tidemark, url, stream: `${url.replace("http", "ws")}/v2/stream` };
}

async function check(url: string, options: Partial<ConformanceOptions> = {}) {
  const lines: string[] = [];
  const code = await conformance({
    url,
    channel: "things",
    auth: undefined,
    headers: {},
    mutation: "writeThings",
    ingest: undefined,
    timeoutMs: 2_000,
    isSlow: false,
    rules: undefined,
    print: (line) => lines.push(line),
    ...options,
  });
  const text = lines.join("\n");
  return {
    code,
    text,
    failed: [...new Set([...text.matchAll(/^FAIL (\w+)/gm)].map(([, rule]) => rule))],
  };
}

async function checkMalformed(
  correctUrl: string,
  defect: Defect,
  options: Partial<ConformanceOptions>,
) {
  const malformed = await startMalformedServer(correctUrl, defect);
  atEnd(() => malformed.close());
  return check(malformed.stream, options);
}

describe("tidemark conformance", () => {
  it("has checks for all rules of PROTOCOL.md", () => {
    const text = readFileSync(fileURLToPath(new URL("../PROTOCOL.md", import.meta.url)), "utf8");
    const numbers = [...text.matchAll(/^\*\*([A-Z]\d+)\.\*\*/gm)].map(([, number]) => number);
    expect([...new Set(CHECKS.map(({ rule }) => rule))].sort()).toEqual(
      [...new Set(numbers)].sort(),
    );
  });

  it("passes on this server, and removes its rows", async () => {
    const { tidemark, stream } = await started();
    const { code, text } = await check(stream);
    expect(text).not.toMatch(/^FAIL/m);
    expect(code).toBe(0);
    expect(text).not.toMatch(/needs writes/);
    expect(tidemark.channel("things" as never).size).toBe(0);
  }, 60_000);

  it("passes with history too, whose rules are not checked without", async () => {
    const kept = channel<z.infer<typeof row>>({
      key: "id",
      columns: { id: "text", kind: "text", amount: "float", note: "text" },
      history: {},
    });
    const { stream, tidemark } = await started({
      channels: { things: kept },
      history: new ScriptedStore(),
    });
    const seq = await tidemark.transact((write) =>
      write.upsert(
        "things" as never,
        ["a", "b", "c"].map((id) => ({ id, kind: "old", amount: 1, note: null })) as never,
      ),
    );
    await tidemark.durable(seq);
    const { code, text } = await check(stream, { rules: ["H6", "H7", "H8"] });
    expect(text.match(/^ok /gm)).toHaveLength(5);
    expect(code).toBe(0);
  });

  it("passes with reports of pages too, which are not checked where the server takes none", async () => {
    const rules = ["H9"];
    const { stream } = await started({ telemetry: true });
    const taken = await check(stream, { rules });
    expect(taken.text.match(/^ok /gm)).toHaveLength(2);
    expect(taken.code).toBe(0);
    const off = await check((await started()).stream, { rules });
    expect(off.text.match(/not checked: the server takes no reports/g)).toHaveLength(2);
    expect(off.code).toBe(0);
  });

  it("passes behind a proxy that changes nothing", async () => {
    const { url } = await started();
    const { code, text } = await checkMalformed(url, {}, {});
    expect(text).not.toMatch(/^FAIL/m);
    expect(code).toBe(0);
  }, 60_000);

  it("reports checks that need writes or HTTP credentials as not checked, and never as passed", async () => {
    const authenticate = (_request: unknown, auth: unknown) => (auth === "secret" ? "ana" : null);
    const { stream } = await started({ authenticate });
    const { code, text } = await check(stream, {
      auth: "secret",
      mutation: undefined,
      rules: ["P2", "P12", "S1", "H1", "H2", "A2"],
    });
    expect(text).toMatch(/ok   P2   invalid credentials/);
    expect(text).toMatch(/ok   S1   the session id is no credential/);
    expect(text).toMatch(/–    P12 .* not checked: needs writes/);
    expect(text).toMatch(/–    H1 .* not checked: HTTP answers 401/);
    expect(text).toMatch(/–    A2 .* not checked: HTTP answers 401/);
    expect(text).not.toMatch(/ok   [HA]/);
    expect(code).toBe(0);
  });

  it("can write its rows through an ingest", async () => {
    const { tidemark, stream } = await started();
    const { createServer } = await import("node:http");
    const ingest = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk) => (body += String(chunk)));
      request.on("end", () => {
        const { upsert, remove } = JSON.parse(body) as { upsert: never[]; remove: string[] };
        void tidemark
          .transact((write) => {
            write.upsert("things" as never, upsert as never);
            write.remove("things" as never, remove);
          })
          .then((seq) => response.end(JSON.stringify({ seq })));
      });
    });
    await new Promise<void>((resolve) => ingest.listen(0, "127.0.0.1", resolve));
    atEnd(() => ingest.close());
    const { code, text } = await check(stream, {
      mutation: undefined,
      ingest: `http://127.0.0.1:${(ingest.address() as { port: number }).port}/`,
      rules: ["P10", "P12", "B4"],
    });
    expect(text).toMatch(/ok   P12/);
    expect(text).toMatch(/ok   B4/);
    expect(code).toBe(0);
  });

  it("exits with 1 when a server drops all deltas, and names the rule", async () => {
    const { url } = await started();
    const [, , defect] = SERVER_DEFECTS.find(([, what]) => what === "every delta is dropped") ?? [];
    const { code, text } = await checkMalformed(url, defect ?? {}, {
      rules: ["P8", "P10", "P11", "P12"],
    });
    expect(code).toBe(1);
    expect(text).toMatch(/FAIL P12 .*\n +8 of 8 commits never arrived/);
    expect(text).toMatch(/ok   P8/);
  });
});

describe("a server that breaks a rule fails the check of that rule", () => {
  // Several run at a time, because they mostly wait. Each starts and stops its own servers.
  it.concurrent.each(SERVER_DEFECTS)(
    "%s: %s",
    async (rule, _what, defect) => {
      const tidemark = createTidemark({ logger: silent, ...CORRECT });
      const malformed = await startMalformedServer(
        (await tidemark.listen({ port: 0 })).url,
        defect,
      );
      try {
        const { code, text, failed } = await check(malformed.stream, {
          rules: [rule],
          timeoutMs: 2_000,
        });
        expect(failed, text).toEqual([rule]);
        expect(code).toBe(1);
      } finally {
        await malformed.close();
        await tidemark.stop();
      }
    },
    60_000,
  );
});

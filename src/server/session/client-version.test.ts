/** The versions that both sides state, over each carrier (V1, V2). */
import { afterEach, describe, expect, it } from "vitest";
import { startTrades as start, stopAll } from "../../../test/support/trades-server.ts";
import { WireClient, type Frame } from "../../../test/support/wire-client.ts";

afterEach(stopAll);

const linesOf = async (response: Response): Promise<readonly Frame[]> =>
  (await response.text())
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Frame);

describe("a server", () => {
  it("states its versions in HELLO, none newer than the version in the address (V1)", async () => {
    const { connect, stream } = await start();
    expect(await connect().next({ op: "HELLO" })).toMatchObject({ protocol: 8, protocol_min: 5 });
    for (const [stated, told] of [
      [6, 6],
      [5, 5],
      [1, 5],
      [9, 8],
    ]) {
      const client = new WireClient(`${stream}?protocol=${stated}`);
      expect(await client.next({ op: "HELLO" })).toMatchObject({ protocol: told });
      client.close();
    }
  });

  it.each([
    [{ protocol: 4 }, "The client is too old: it speaks protocol 4, this side 5 to 8."],
    [
      { protocol: 10, protocol_min: 9 },
      "The client is too new: it speaks protocol 9, this side 5 to 8.",
    ],
  ])(
    "refuses a client with which it has no version in common: %j (V2)",
    async (versions, message) => {
      const { connect } = await start();
      for (const op of ["IDENTIFY", "RESUME"]) {
        const client = connect();
        await client.next({ op: "HELLO" });
        client.send({ op, session_id: "sess_x", ...versions });
        expect(await client.next({ op: "ERROR" })).toEqual({
          op: "ERROR",
          code: "PROTOCOL_MISMATCH",
          message,
          retryable: false,
        });
        await expect.poll(() => client.closed?.code).toBe(4406);
      }
    },
  );

  it("refuses it over a poll and over server-sent events alike (V2)", async () => {
    const { url } = await start();
    const body = JSON.stringify({ op: "IDENTIFY", protocol: 4, subscriptions: ["trades"] });
    const frames = await linesOf(await fetch(`${url}/v2/changes`, { method: "POST", body }));
    expect(frames.map(({ op, code }) => [op, code])).toEqual([
      ["HELLO", undefined],
      ["ERROR", "PROTOCOL_MISMATCH"],
    ]);
    const stream = await fetch(`${url}/v2/sse`);
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader();
    if (reader === undefined) throw new Error("a stream has a body");
    let text = (await reader.read()).value ?? "";
    const session = /"session_id":"([^"]+)"/.exec(text)?.[1] ?? "";
    await fetch(`${url}/v2/up?session=${encodeURIComponent(session)}`, { method: "POST", body });
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read())
      text += chunk.value;
    expect(text).toContain('"code":"PROTOCOL_MISMATCH"');
  });
});

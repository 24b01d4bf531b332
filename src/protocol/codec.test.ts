/**
 * Messages as text: rows pass unchanged, decoding inverts encoding, and inspected frames show no
 * secrets.
 */
import { describe, expect, it } from "vitest";
import { decode, encode, encodePlain, opOf, redact, typeOf } from "./codec.ts";

describe("the codec", () => {
  it("inserts encoded rows unchanged", () => {
    const snapshot = encode({
      op: "DISPATCH",
      type: "SNAPSHOT",
      channel: "t",
      seq: 5,
      part: 0,
      more: false,
      rowTexts: ['{"id":"a","n":1.0}', '{"id":"b"}'],
    });
    expect(snapshot).toBe(
      '{"op":"DISPATCH","type":"SNAPSHOT","channel":"t","seq":5,"part":0,"more":false,"rows":[{"id":"a","n":1.0},{"id":"b"}]}',
    );
    const delta = encode({
      op: "DISPATCH",
      type: "DELTA_BATCH",
      channel: "t",
      view: "v",
      prev_seq: 4,
      seq: 5,
      watermark: { latest_ingest_seq: 5 },
      upsertTexts: ['{"id":"a"}'],
      removes: ['"b"'],
    });
    expect(delta).toBe(
      '{"op":"DISPATCH","type":"DELTA_BATCH","channel":"t","view":"v","prev_seq":4,"seq":5,"watermark":{"latest_ingest_seq":5},"patch":{"upsert":[{"id":"a"}],"remove":["\\"b\\""]}}',
    );
    expect(decode(delta)).toMatchObject({
      type: "DELTA_BATCH",
      patch: { upsert: [{ id: "a" }], remove: ['"b"'] },
    });
  });

  it("decodes what it encodes, and returns undefined for incomplete texts", () => {
    const hello = {
      op: "HELLO",
      protocol: 5,
      session_id: "s",
      heartbeat_interval_ms: 1,
      identify_timeout_ms: 2,
      server_time_unix_ms: 3,
    } as const;
    expect(decode(encode(hello))).toEqual(hello);
    expect([opOf(encode(hello)), typeOf(encode(hello))]).toEqual(["HELLO", undefined]);
    expect(
      typeOf(encodePlain({ op: "DISPATCH", type: "READY", session_id: "s", epoch: "e", seq: 1 })),
    ).toBe("READY");
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      "7",
      '"HELLO"',
      '{"type":"READY"}',
      encodePlain(hello).slice(0, -1),
    ])
      expect(decode(text)).toBeUndefined();
  });

  it("shows neither credentials nor session ids", () => {
    const text = encodePlain({
      op: "RESUME",
      session_id: "sess_abcdefgh.epoch.x.y.z",
      auth: { token: "se}cret", deep: { more: "secret" } },
    });
    expect(redact(text)).toBe('{"op":"RESUME","session_id":"sess_abcd…","auth":"…"}');
    expect(redact('{"op":"IDENTIFY","auth":"cut of')).toBe("");
    expect(redact('{"op":"HEARTBEAT"}')).toBe('{"op":"HEARTBEAT"}');
  });
});

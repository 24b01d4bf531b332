/**
 * Limits are checked at start: unknown names, values that are no numbers, and limits that
 * contradict each other.
 */
import { describe, expect, it } from "vitest";
import { silent } from "../../test/support/silent.ts";
import { createTidemark } from "../index.ts";
import { LOG_LIMITS } from "../log/limits.ts";
import { postgresLimits } from "../sources/postgres/limits.ts";
import { VIEW_LIMITS, viewLimits } from "../table/limits.ts";
import type { Limits } from "./limit-groups.ts";
import { SERVER_LIMITS, serverLimits } from "./limits.ts";

const start = (limits: Limits) => createTidemark({ limits, logger: silent });

describe("limits", () => {
  it("keep their defaults where they are left out or undefined", () => {
    expect(serverLimits({ sliceMs: 8 })).toEqual({ ...SERVER_LIMITS, sliceMs: 8 });
    expect(viewLimits({ viewsMax: undefined } as object)).toEqual(VIEW_LIMITS);
  });

  it("stop the start when they are unknown", () => {
    expect(() => start({ server: { flushMs: 3 } as object })).toThrow(
      "There is no limit limits.server.flushMs.",
    );
    expect(() => start({ views: { views: 3 } as object })).toThrow("limits.views.views");
    expect(() => start({ log: { rows: 3 } as object })).toThrow("limits.log.rows");
  });

  it("stop the start when they are no number, or below 0", () => {
    expect(() => start({ server: { sliceMs: Number.NaN } })).toThrow(
      "limits.server.sliceMs is NaN",
    );
    expect(() => start({ server: { sliceMs: "4" as never } })).toThrow("at least 0");
    expect(() => start({ log: { pendingRowsMax: -1 } })).toThrow("limits.log.pendingRowsMax is -1");
  });

  it("stop the start when two contradict each other, and the error names both with their values", () => {
    expect(() => start({ server: { silenceMsMax: 5_000 } })).toThrow(
      "limits.server.heartbeatIntervalMs (15000) must not exceed limits.server.silenceMsMax (5000).",
    );
    expect(() => start({ views: { identityShareMax: 2 } })).toThrow(
      "limits.views.identityShareMax (2) must not exceed 1.",
    );
  });

  it("must be at least 1 when 0 would stop all work or make a loop endless", () => {
    expect(() => start({ server: { snapshotsPinnedMax: 0 } })).toThrow(
      "limits.server.snapshotsPinnedMax is 0. It must be at least 1.",
    );
    for (const name of ["commitsPerReadMax", "socketBufferBytesMax", "drainBatch", "tickMs"])
      expect(() => start({ server: { [name]: 0 } }), name).toThrow("It must be at least 1.");
    for (const name of ["flushShareCheap", "flushShareMax"])
      expect(() => start({ server: { [name]: 0 } }), name).toThrow("at least 0.01");
    expect(() => start({ views: { fillStepRows: 0 } })).toThrow("limits.views.fillStepRows is 0");
    expect(() => postgresLimits({ copyChunkRows: 0 })).toThrow("limits.copyChunkRows is 0");
  });

  it("must be in their groups: others stop the start", () => {
    expect(() => start({ connectionsMax: 5 } as object)).toThrow(
      "There is no limits.connectionsMax.",
    );
    expect(() => start({ sever: { connectionsMax: 5 } } as object)).toThrow("limits.server");
  });

  it("of a lease must allow its renewal before it ends", () => {
    expect(() => postgresLimits({ leaseSeconds: 5 })).toThrow(
      "limits.renewMs (5000) must be less than limits.leaseSeconds (5) in milliseconds.",
    );
  });

  it("have defaults that do not contradict each other", () => {
    expect(serverLimits()).toEqual(SERVER_LIMITS);
    expect(viewLimits()).toEqual(VIEW_LIMITS);
    expect(LOG_LIMITS.pendingRowsMax).toBeGreaterThan(0);
  });
});

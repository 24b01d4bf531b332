/** The ClickHouse store on ClickHouse's engine. */
import { describe, vi } from "vitest";
import {
  startClickHouse,
  hasClickHouse,
  type ClickHouseServer,
} from "../../../test/support/clickhouse-server.ts";
import { historyConformance } from "../conformance.ts";
import { clickhouse } from "./index.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

describe.skipIf(!hasClickHouse())("the ClickHouse store", () => {
  let server: ClickHouseServer;
  const store = () => clickhouse(server.url, { limits: { leaseMs: 1_000 } });

  historyConformance("clickhouse", {
    create: async () => {
      server = await startClickHouse();
      return store();
    },
    again: () => Promise.resolve(store()),
    dispose: () => server.remove(),
    queries: 15,
  });
});

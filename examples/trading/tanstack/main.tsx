/** Both tapes side by side, in one query cache. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import type { ReactElement } from "react";
import "../page/trading.css";
import "../../ui/fonts.ts";
import { mountPage } from "../../ui/mount-page.tsx";
import { RowPushTape } from "./row-push-tape.tsx";
import "./tanstack.css";
import { TidemarkTape } from "./tidemark-tape.tsx";

function Comparison(): ReactElement {
  return (
    <main className="comparison">
      <section data-tape="row-push">
        <h1>TanStack Query with pushed rows</h1>
        <p className="dim">
          Rows as table_rows over a socket, prepended to the cache; a refetch every 30 s.
        </p>
        <RowPushTape />
      </section>
      <section data-tape="tidemark">
        <h1>TanStack Query with tidemark/tanstack-query</h1>
        <p className="dim">
          The cache entry follows the stream; nothing is fetched again while it is live.
        </p>
        <TidemarkTape />
      </section>
    </main>
  );
}

mountPage(
  <QueryClientProvider client={new QueryClient()}>
    <Comparison />
  </QueryClientProvider>,
);

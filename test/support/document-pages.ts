/**
 * For each document with a page: the file that puts its components into a page, which the documents
 * leave to their reader.
 */
export const DOCUMENT_PAGES: Readonly<Record<string, string>> = {
  "README.md": `
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

createRoot(document.getElementById("root")!).render(<App />);
`,
  "docs/react.md": `
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createRoot } from "react-dom/client";
import { createClient } from "tidemark/client";
import { App } from "./app.tsx";
import { TidemarkProvider } from "./hooks.ts";
import { Prices } from "./query.tsx";
import type { channels, mutations } from "./server.ts";

const client = createClient<typeof channels, typeof mutations>({
  url: "ws://localhost:8080/v2/stream",
});
createRoot(document.getElementById("root")!).render(
  <>
    <main><App /></main>
    <aside>
      <QueryClientProvider client={new QueryClient()}>
        <TidemarkProvider client={client}><Prices /></TidemarkProvider>
      </QueryClientProvider>
    </aside>
  </>,
);
`,
  "docs/history.md": `
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

createRoot(document.getElementById("root")!).render(<App />);
`,
  "docs/writes.md": `
import { useEffect, useReducer } from "react";
import { createRoot } from "react-dom/client";
import { useLiveQuery } from "tidemark/react";
import { pending } from "./collection.ts";
import { FlagButton } from "./flag-button.tsx";
import { AcceptButton, client } from "./page.tsx";

const REVIEWS = { channel: "reviews", orderBy: [{ column: "id", direction: "asc" }] } as const;

function Reviews() {
  const { rows } = useLiveQuery(REVIEWS, { client });
  return rows.map(({ id, status, is_flagged }) => (
    <li key={id}>
      <p>{id} is {status}{is_flagged ? " and flagged" : ""}</p>
      <AcceptButton id={id} /><FlagButton id={id} />
    </li>
  ));
}

function Pending() {
  const [, render] = useReducer((count: number) => count + 1, 0);
  useEffect(() => {
    const subscription = pending.subscribeChanges(render, { includeInitialState: true });
    return () => subscription.unsubscribe();
  }, []);
  const reject = () => pending.update("3", (draft) => void (draft.status = "rejected"));
  return (
    <p>
      Pending: {pending.toArray.map(({ id }) => id).toSorted().join(", ")}
      <button onClick={reject}>Reject 3</button>
    </p>
  );
}

createRoot(document.getElementById("root")!).render(
  <>
    <ul><Reviews /></ul>
    <Pending />
    <aside><AcceptButton id="99" /></aside>
  </>,
);
`,
};

import { lazy, Suspense } from "react";
import { mountPage } from "../../ui/mount-page.tsx";
import { App } from "./app.tsx";
// After those of the parts.
import "./mempool.css";

const { env } = import.meta as unknown as { readonly env: Readonly<Record<string, string>> };
const OlderPage = lazy(async () => ({ default: (await import("./older-page.tsx")).OlderPage }));

mountPage(
  env["VITE_UI_STREAM_V2_ENABLED"] === "false" ? (
    <Suspense>
      <OlderPage />
    </Suspense>
  ) : (
    <App />
  ),
);

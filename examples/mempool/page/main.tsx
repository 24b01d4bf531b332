import { lazy, Suspense } from "react";
import "../../ui/fonts.ts";
import { mountPage } from "../../ui/mount-page.tsx";
import { App } from "./app.tsx";
// After those of the parts.
import "./mempool.css";

/** Vite puts the values of the build in place of `import.meta.env`. */
type BuiltMeta = ImportMeta & { readonly env: Readonly<Record<string, string | undefined>> };
const isOlder = (import.meta as BuiltMeta).env["VITE_UI_STREAM_V2_ENABLED"] === "false";
const OlderPage = lazy(async () => ({ default: (await import("./older-page.tsx")).OlderPage }));

mountPage(
  isOlder ? (
    <Suspense>
      <OlderPage />
    </Suspense>
  ) : (
    <App />
  ),
);

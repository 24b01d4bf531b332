/** Renders a page into its `#root`, with the stored theme and the shared styles. */
import "./tokens.css";
import "./base.css";
import "./shell.css";
import "./grid.css";
import { StrictMode, type ReactElement } from "react";
import { createRoot } from "react-dom/client";
import { applyTheme, readTheme } from "./theme.ts";

export function mountPage(page: ReactElement): void {
  applyTheme(readTheme());
  const root = document.getElementById("root");
  if (root === null) throw new Error("index.html has no #root");
  createRoot(root).render(<StrictMode>{page}</StrictMode>);
}

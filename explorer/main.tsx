import { mountPage } from "../examples/ui/mount-page.tsx";
import "./fonts/fonts.css";
import "./explorer.css";
import { TidemarkProvider } from "../src/react/index.ts";
import { App } from "./app.tsx";
import { client } from "./client.ts";

/** After the first view, whose faces have the characters of nearly all tables. */
const WHOLE_FONTS_AFTER_MS = 3_000;

setTimeout(() => void import("./fonts/whole-fonts.css"), WHOLE_FONTS_AFTER_MS);
mountPage(
  <TidemarkProvider client={client}>
    <App />
  </TidemarkProvider>,
);

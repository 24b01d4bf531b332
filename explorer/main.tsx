import { mountPage } from "../examples/ui/mount-page.tsx";
import "./fonts/fonts.css";
import "./explorer.css";
import { TidemarkProvider } from "../src/react/index.ts";
import { App } from "./app.tsx";
import { client } from "./client.ts";

mountPage(
  <TidemarkProvider client={client}>
    <App />
  </TidemarkProvider>,
);

import "../../ui/fonts.ts";
import { mountPage } from "../../ui/mount-page.tsx";
import "./review.css";
import { App } from "./app.tsx";
import { client } from "./client.ts";
import { TidemarkProvider } from "./hooks.ts";

mountPage(
  <TidemarkProvider client={client}>
    <App />
  </TidemarkProvider>,
);

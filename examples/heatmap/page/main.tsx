import "../../ui/fonts.ts";
import { mountPage } from "../../ui/mount-page.tsx";
import "./heatmap.css";
import { App } from "./app.tsx";
import { createLive } from "./client.ts";

mountPage(<App {...await createLive()} />);

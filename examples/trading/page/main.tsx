import "../../ui/fonts.ts";
import { mountPage } from "../../ui/mount-page.tsx";
import { App } from "./app.tsx";
// After those of the parts.
import "./trading.css";

mountPage(<App />);

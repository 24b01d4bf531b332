import { mountPage } from "../examples/review/ui/mount-page.tsx";
import "./explorer.css";
import { App } from "./app.tsx";

mountPage(<App />);

import { mountPage } from "../../ui/mount-page.tsx";
import { App } from "./app.tsx";
// After those of the parts.
import "./mempool.css";

mountPage(<App />);

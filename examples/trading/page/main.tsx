import { mountPage } from "../../ui/mount-page.tsx";
import "./trading.css";
import { App } from "./app.tsx";

mountPage(<App />);

import { mountPage } from "../ui/mount-page.tsx";
import "./review.css";
import { App } from "./app.tsx";

mountPage(<App />);

import { pino } from "pino";

/** A logger that logs nothing, for servers under test. */
export const silent = pino({ level: "silent" });

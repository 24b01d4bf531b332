/** The door `tidemark/react`. */
export { useConnection, useLiveQuery } from "./use-live-query.ts";
export type { ConnectionSnapshot } from "../client/client.ts";
export type { ViewSnapshot } from "../client/live-view.ts";

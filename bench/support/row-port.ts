/** A port that takes rows as lines of JSON; what one read brings is one call. */
import { createServer, type AddressInfo } from "node:net";

export function listenForRows<R>(onRows: (rows: readonly R[]) => void): Promise<number> {
  const server = createServer((socket) => {
    let text = "";
    socket.on("data", (chunk) => {
      const lines = `${text}${String(chunk)}`.split("\n");
      text = lines.pop() ?? "";
      if (lines.length > 0) onRows(lines.map((line) => JSON.parse(line) as R));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}

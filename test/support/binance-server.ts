/** The exchange of `binance-exchange.ts` behind real sockets. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import type { BinanceExchange } from "./binance-exchange.ts";

export interface BinanceServer {
  readonly url: string;
  readonly restUrl: string;
  close(): Promise<void>;
}

export async function serveBinance(exchange: BinanceExchange): Promise<BinanceServer> {
  const http = createServer((request, response) => {
    if (!exchange.isReachable) {
      request.socket.destroy();
      return;
    }
    const { status, body, headers } = exchange.answer(request.url ?? "");
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  });
  const sockets = new WebSocketServer({ server: http, verifyClient: () => exchange.isReachable });
  sockets.on("connection", (socket, request) => {
    const client = exchange.connect(request.url ?? "", {
      send: (text) => socket.send(text),
      cut: () => socket.terminate(),
    });
    socket.on("close", () => exchange.clients.delete(client));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}`,
    restUrl: `http://127.0.0.1:${port}`,
    close: async () => {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

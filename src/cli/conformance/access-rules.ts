/** A1 to A3: who may connect, and whether HTTP and the stream agree on it. */
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { check, unseen, type Check } from "./check.ts";
import { eventually, type Headers } from "./raw-client.ts";
import type { TestedServer } from "./tested-server.ts";
import { must, skip } from "./check-result.ts";

const STRANGER = "conformance.invalid";

export const ACCESS_RULES: readonly Check[] = [
  check(
    "A1",
    "a page of a foreign origin is refused with 403, over HTTP and on the stream",
    async (server) => {
      const headers = { origin: `https://${STRANGER}` };
      const { status, allowed } = await ask(server, headers);
      if (status < 400 && (allowed === "*" || allowed === headers.origin))
        skip("this server allows every origin");
      must(status === 403, "a request is refused with 403", status);
      must((await upgrade(server, headers)) === 403, "an upgrade is refused with 403");
    },
  ),
  check("A1", "a foreign Host is refused when the server asks for no identity", async (server) => {
    if (server.auth !== undefined || Object.keys(server.options.headers).length > 0)
      skip("this server asks for an identity");
    const { status, allowed } = await ask(server, { origin: `https://${STRANGER}` });
    if (status < 400 && allowed !== undefined)
      skip("this server allows every origin, and therefore every host");
    const { status: ofHost } = await ask(server, { host: STRANGER });
    must(
      ofHost >= 400 && ofHost < 500,
      "a request to a host that is not the server's is refused",
      ofHost,
    );
    must(
      ((await upgrade(server, { host: STRANGER })) ?? 200) >= 400,
      "an upgrade from that host is refused",
    );
  }),
  check("A2", "a caller that may use the stream may use HTTP", async (server) => {
    await server.identified();
    const response = await server.http(`/snapshot?channels=${encodeURIComponent(server.channel)}`);
    await response.body?.cancel();
    must(response.status === 200, "a caller of the stream gets the snapshot", response.status);
  }),
  unseen(
    "A3",
    "a policy gives all rows, some, or none",
    "needs a second identity with other rights",
  ),
];

/** Uses `node:http`, because `fetch` does not allow Origin and Host to be set. */
function ask(
  { base, channel, options }: TestedServer,
  headers: Headers,
): Promise<{ readonly status: number; readonly allowed: string | undefined }> {
  const url = new URL(`${base}/snapshot?channels=${encodeURIComponent(channel)}`);
  const send = url.protocol === "https:" ? secureRequest : request;
  return new Promise((resolve, reject) => {
    const asked = send(
      url,
      { headers: { ...options.headers, ...headers }, timeout: options.timeoutMs },
      (response) => {
        response.resume();
        resolve({
          status: response.statusCode ?? 0,
          allowed: response.headers["access-control-allow-origin"],
        });
      },
    );
    asked.on("timeout", () => asked.destroy(new Error("no answer")));
    asked.on("error", reject);
    asked.end();
  });
}

/** The status with which the upgrade was refused; undefined when it was not refused. */
async function upgrade(server: TestedServer, headers: Headers): Promise<number | undefined> {
  const client = server.open(headers);
  const came = (): number | "HELLO" | undefined =>
    client.refusedWith ?? (client.frames.length > 0 ? "HELLO" : client.closeCode);
  const outcome = await eventually(
    came,
    () => "the upgrade was neither refused nor accepted",
    server.timeoutMs,
  );
  return outcome === "HELLO" ? undefined : outcome;
}

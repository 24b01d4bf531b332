// @vitest-environment happy-dom
/**
 * The hooks in a document, against a real server: which changes render a component, and which do
 * not.
 */
import { Component, Suspense, useState, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { afterEach, describe, expect, it } from "vitest";
import {
  atEnd,
  startTrades,
  stopAll,
  trade,
  type Trade,
} from "../../test/support/trades-server.ts";
import { createClient, immediately, type TypedChannel } from "../client/node.ts";
import {
  createHooks,
  FreshnessBadge,
  useLiveMutation,
  type Freshness,
  type LiveQueryResult,
} from "./index.ts";

type Channels = { trades: TypedChannel<Trade> };
const {
  TidemarkProvider,
  useTidemarkClient,
  useLiveQuery,
  useSuspenseLiveQuery,
  useFreshness,
  usePause,
  usePendingWrites,
} = createHooks<Channels>();

afterEach(stopAll);

const ALL = { channel: "trades" } as const;

async function serve({
  lingerMs = 10,
  ...options
}: { lingerMs?: number } & Parameters<typeof startTrades>[0] = {}) {
  const server = await startTrades(options);
  const client = createClient<Channels>({
    url: server.stream,
    lingerMs,
    pacing: immediately,
    backoff: { firstMs: 20, delaysMs: [20] },
  });
  atEnd(() => client.close());
  const show = (page: ReactNode): HTMLElement => {
    const element = document.createElement("div");
    const root = createRoot(element);
    root.render(<TidemarkProvider client={client}>{page}</TidemarkProvider>);
    atEnd(() => root.unmount());
    return element;
  };
  return { ...server, client, show, trades: server.tidemark.channel("trades") };
}

class Boundary extends Component<{ readonly children: ReactNode }> {
  override state: { readonly error?: Error } = {};

  static getDerivedStateFromError(error: Error): { error: Error } {
    return { error };
  }

  override render(): ReactNode {
    return this.state.error === undefined ? this.props.children : this.state.error.message;
  }
}

describe("useLiveQuery", () => {
  it("renders rows as they change, and not because time passes", async () => {
    const { show, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    const results: LiveQueryResult<Trade>[] = [];
    const freshness: Freshness[] = [];
    function List(): ReactNode {
      const result = useLiveQuery(ALL);
      results.push(result);
      return result.rows.map(({ id, price }) => `${id} ${price}`).join();
    }
    function Age(): ReactNode {
      freshness.push(useFreshness(ALL));
      return null;
    }
    const page = show([<List key="list" />, <Age key="age" />]);
    await expect.poll(() => page.textContent).toBe("a 1");
    await expect.poll(() => results.at(-1)?.status).toBe("live");
    const rendered = results.length;
    const { rows } = results.at(-1) as LiveQueryResult<Trade>;
    const seen = new Set<unknown>();
    await expect.poll(() => seen.add(freshness.at(-1)?.asOf).size).toBeGreaterThan(2);
    expect(results).toHaveLength(rendered);
    await trades.upsert(trade("b", "ETH", 2));
    await expect.poll(() => page.textContent).toBe("a 1,b 2");
    expect(results.at(-1)?.rows).not.toBe(rows);
    expect(results.at(-1)?.rows[0]).toBe(rows[0]);
  });

  it("renders a selected value only when it has changed", async () => {
    const { show, trades } = await serve();
    await trades.upsert([trade("a", "BTC", 1), trade("b", "BTC", 2)]);
    const counts: number[] = [];
    const symbols: string[][] = [];
    function Count(): ReactNode {
      counts.push(useLiveQuery(ALL, { select: ({ rows }) => rows.length }));
      return null;
    }
    function Symbols(): ReactNode {
      const own = useLiveQuery(ALL, {
        select: ({ rows }) => rows.map(({ symbol }) => symbol),
        isEqual: (left, right) => left.join() === right.join(),
      });
      symbols.push(own);
      return own.join();
    }
    const page = show([<Count key="count" />, <Symbols key="symbols" />]);
    await expect.poll(() => page.textContent).toBe("BTC,BTC");
    const before = [counts.length, symbols.length];
    await trades.upsert(trade("a", "BTC", 9));
    await trades.upsert(trade("b", "ETH", 9));
    await expect.poll(() => page.textContent).toBe("BTC,ETH");
    expect(counts).toHaveLength(before[0] as number);
    expect(symbols).toHaveLength((before[1] as number) + 1);
  });

  it("does not subscribe without a query, and ends its subscription when the query goes", async () => {
    const { show, trades, tidemark } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    const statuses: string[] = [];
    function Switched(): ReactNode {
      const [isOn, setOn] = useState(false);
      const { status, rows } = useLiveQuery(isOn ? ALL : undefined);
      statuses.push(status);
      return <button onClick={() => setOn(!isOn)}>{rows.length}</button>;
    }
    const page = show(<Switched />);
    const turn = (): void => page.querySelector("button")?.click();
    await expect.poll(() => page.textContent).toBe("0");
    expect(statuses).toEqual(["idle"]);
    turn();
    await expect.poll(() => page.textContent).toBe("1");
    turn();
    await expect.poll(() => page.textContent).toBe("0");
    expect(statuses.at(-1)).toBe("idle");
    const subscriptions = (): unknown =>
      (tidemark.stats() as { subscriptions?: number }).subscriptions;
    await expect.poll(subscriptions).toBe(0);
  });

  it("throws an error that names the missing provider", () => {
    function Lonely(): ReactNode {
      return useLiveQuery(ALL).status;
    }
    expect(() => renderToString(<Lonely />)).toThrow("Put <TidemarkProvider client={client}>");
  });

  it("renders nothing loaded on a server", async () => {
    const { client } = await serve();
    function Page(): ReactNode {
      const { status, rows } = useLiveQuery(ALL);
      return `${status} ${rows.length} ${useFreshness(ALL).status}`;
    }
    expect(
      renderToString(
        <TidemarkProvider client={client}>
          <Page />
        </TidemarkProvider>,
      ),
    ).toBe("loading 0 loading");
  });
});

describe("useSuspenseLiveQuery", () => {
  it("waits at the boundary for the first rows, then follows", async () => {
    const { show, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    const statuses: string[] = [];
    function List(): ReactNode {
      const { rows, status } = useSuspenseLiveQuery(ALL);
      statuses.push(status);
      return rows.map(({ price }) => price).join();
    }
    const page = show(
      <Suspense fallback="waiting">
        <List />
      </Suspense>,
    );
    await expect.poll(() => page.textContent).toBe("waiting");
    await expect.poll(() => page.textContent).toBe("1");
    await trades.upsert(trade("a", "BTC", 2));
    await expect.poll(() => page.textContent).toBe("2");
    expect(statuses).not.toContain("loading");
  });

  it("keeps its other queries while it waits for one, and waits once", async () => {
    const { show, trades } = await serve({ lingerMs: 0 });
    await trades.upsert([trade("a", "BTC", 1), trade("b", "ETH", 2)]);
    function List(): ReactNode {
      const of = (symbol: string) =>
        ({ channel: "trades", where: { column: "symbol", eq: symbol } }) as const;
      const { rows } = useSuspenseLiveQuery(of("BTC"));
      const { rows: others } = useSuspenseLiveQuery(of("ETH"));
      return [...rows, ...others].map(({ price }) => price).join();
    }
    let waits = 0;
    function Waiting(): ReactNode {
      waits++;
      return "waiting";
    }
    const page = show(
      <Suspense fallback={<Waiting />}>
        <List />
      </Suspense>,
    );
    await expect.poll(() => page.textContent).toBe("1,2");
    await trades.upsert(trade("b", "ETH", 3));
    await expect.poll(() => page.textContent).toBe("1,3");
    expect(waits).toBe(1);
  });

  it("throws the server's refusal to the error boundary", async () => {
    const { show } = await serve();
    function List(): ReactNode {
      const query = { channel: "trades", where: { column: "nope", eq: 1 } } as never;
      return useSuspenseLiveQuery<"trades">(query).rows.length;
    }
    const page = show(
      <Boundary>
        <Suspense fallback="waiting">
          <List />
        </Suspense>
      </Boundary>,
    );
    await expect.poll(() => page.textContent).toContain('there is no column "nope"');
  });

  it("throws the refusal of the connection, which no row can follow", async () => {
    const { show } = await serve({ authenticate: () => null });
    function List(): ReactNode {
      return useSuspenseLiveQuery(ALL).rows.length;
    }
    const page = show(
      <Boundary>
        <Suspense fallback="waiting">
          <List />
        </Suspense>
      </Boundary>,
    );
    await expect.poll(() => page.textContent).toContain("credentials");
  });
});

describe("useLiveMutation", () => {
  it("returns the outcome of a write by the application's own endpoint, and lists the write while it is pending", async () => {
    const { show, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    let answer = (_value: object): void => {};
    const told: unknown[] = [];
    function Editor(): ReactNode {
      const client = useTidemarkClient();
      const { mutate, isPending, data } = useLiveMutation(
        (price: number) =>
          client.write({
            run: () => new Promise<object>((resolve) => (answer = resolve)),
            optimistic: { channel: "trades", key: "a", set: { price } },
          }),
        { onSuccess: (value, price) => told.push([value, price]) },
      );
      const pending = usePendingWrites();
      const { rows } = useLiveQuery(ALL);
      const text = `${rows[0]?.price} ${isPending} ${pending.length} ${JSON.stringify(data)}`;
      return <button onClick={() => mutate(7)}>{text}</button>;
    }
    const page = show(<Editor />);
    await expect.poll(() => page.textContent).toBe("1 false 0 undefined");
    page.querySelector("button")?.click();
    await expect.poll(() => page.textContent).toBe("7 true 1 undefined");
    answer({ ok: true });
    await expect.poll(() => page.textContent).toBe('1 false 0 {"ok":true}');
    expect(told).toEqual([[{ ok: true }, 7]]);
  });
});

describe("useLiveMutation, where the write throws at once", () => {
  it("is not pending forever, and has the error", async () => {
    const { show } = await serve();
    function Editor(): ReactNode {
      const { mutate, isPending, error } = useLiveMutation((): Promise<void> => {
        throw new Error("not a date");
      });
      return <button onClick={() => mutate(undefined)}>{`${isPending} ${error?.message}`}</button>;
    }
    const page = show(<Editor />);
    await expect.poll(() => page.textContent).toBe("false undefined");
    page.querySelector("button")?.click();
    await expect.poll(() => page.textContent).toBe("false not a date");
  });
});

describe("<FreshnessBadge>", () => {
  it("shows as a text how fresh a query's rows are", async () => {
    const { show, tidemark } = await serve();
    const page = show(<FreshnessBadge query={ALL} />);
    await expect.poll(() => page.textContent).toBe("● live");
    await tidemark.stop();
    await expect.poll(() => page.textContent).toContain("stale");
    // Nothing is on its way to a query that begins now.
    const other = show(<FreshnessBadge query={{ channel: "notes" }} />);
    await expect.poll(() => other.textContent).toContain("◆ disconnected");
  });
});

describe("usePause", () => {
  it("lets all components of a query stand still, counts what waits, and shows it afterwards", async () => {
    const { show, trades } = await serve();
    await trades.upsert(trade("a", "BTC", 1));
    let renders = 0;
    function List(): ReactNode {
      renders++;
      return useLiveQuery(ALL).keys.join();
    }
    function Control(): ReactNode {
      const { isPaused, pause, resume } = usePause(ALL);
      return (
        <button onClick={isPaused ? resume : pause}>
          <FreshnessBadge query={ALL} />
        </button>
      );
    }
    const list = show(<List />);
    const control = show(<Control />);
    await expect.poll(() => list.textContent).toBe("a");
    const press = (): void => control.querySelector("button")?.click();
    press();
    await expect.poll(() => control.textContent).toContain("0 waiting");
    const before = renders;
    await trades.upsert(trade("b", "BTC", 2));
    await expect.poll(() => control.textContent).toContain("1 waiting");
    expect([list.textContent, renders]).toEqual(["a", before]);
    press();
    await expect.poll(() => list.textContent).toBe("a,b");
    await expect.poll(() => control.textContent).toBe("● live");
  });
});

/**
 * Changes the sample database with ordinary SQL, as an application would: orders are placed, packed
 * and delivered; stock, prices and couriers change. Old orders are deleted, so that the database
 * does not grow. It does not use Tidemark.
 */
import type { PGlite } from "@electric-sql/pglite";
import type { Cancel, Clock } from "../../std/clock.ts";
import { messageOf } from "../../std/errors.ts";
import { seededRandom, type Random } from "../../std/random.ts";
import { CENTER, pick } from "./schema.ts";

const STEP_MS = 70;
const ORDERS_KEPT = 3_000;
const NOTES = [
  "leave at the door",
  "ring twice",
  "no substitutions",
  "call on arrival",
  null,
  null,
  null,
  null,
];

export interface WorkloadOptions {
  readonly database: PGlite;
  readonly clock: Clock;
  readonly onError: (message: string) => void;
}

/**
 * Returns a function that stops the workload; its promise resolves when the current step has ended.
 */
export function startWorkload({ database, clock, onError }: WorkloadOptions): () => Promise<void> {
  const random = seededRandom(7);
  const workload = { database, random };
  let isStopped = false;
  let timer: Cancel = () => {};
  let step: Promise<unknown> = Promise.resolve();

  const steps: readonly { readonly weight: number; run(): Promise<unknown> }[] = [
    { weight: 3, run: () => placeOrder(workload) },
    { weight: 12, run: () => advanceOrder(workload) },
    { weight: 14, run: () => moveCouriers(workload) },
    {
      weight: 2,
      run: () =>
        database.query(
          "UPDATE products SET price = greatest(0.3, round(price * (0.97 + random()::numeric * 0.06), 2)), updated_at = now() WHERE id = $1",
          [1 + Math.floor(random.next() * 168)],
        ),
    },
    {
      weight: 2,
      run: () =>
        database.query(
          "UPDATE products SET stock = stock + 60, updated_at = now() WHERE id = (SELECT id FROM products ORDER BY stock LIMIT 1)",
        ),
    },
    {
      weight: 1,
      run: () => database.query("INSERT INTO access_log (line) VALUES ('GET /basket 200')"),
    },
    {
      weight: 1,
      run: () =>
        database.query(
          "UPDATE orders SET status = 'cancelled', updated_at = now() WHERE id = (SELECT id FROM orders WHERE status = 'placed' ORDER BY id LIMIT 1) AND random() < 0.4",
        ),
    },
    {
      weight: 1,
      run: () =>
        database.query("DELETE FROM orders WHERE id <= (SELECT max(id) - $1 FROM orders)", [
          ORDERS_KEPT,
        ]),
    },
  ];
  const total = steps.reduce((sum, { weight }) => sum + weight, 0);

  const next = (): Promise<unknown> => {
    let roll = random.next() * total;
    for (const { weight, run } of steps) if ((roll -= weight) < 0) return run();
    return Promise.resolve();
  };
  const tick = (): void => {
    step = next()
      .catch((error: unknown) => onError(messageOf(error)))
      .then(() => {
        if (!isStopped) timer = clock.after(STEP_MS, tick);
      });
  };
  tick();
  return async () => {
    isStopped = true;
    timer();
    await step;
  };
}

/** What each step needs. */
interface Workload {
  readonly database: PGlite;
  readonly random: Random;
}

async function placeOrder({ database, random }: Workload): Promise<void> {
  const lines = 1 + Math.floor(random.next() * 5);
  await database.transaction(async (tx) => {
    const { rows } = await tx.query<{ id: string }>(
      "INSERT INTO orders (customer_id, items, total, note) VALUES ($1, $2, 0, $3) RETURNING id::text",
      [1 + Math.floor(random.next() * 1_200), lines, pick(random, NOTES)],
    );
    const id = rows[0]?.id;
    for (let line = 1; line <= lines; line++) {
      const product = 1 + Math.floor(random.next() * 168);
      const quantity = 1 + Math.floor(random.next() * 3);
      await tx.query(
        "INSERT INTO order_items (order_id, line, product_id, quantity, price) SELECT $1, $2, id, $3, price FROM products WHERE id = $4",
        [id, line, quantity, product],
      );
      await tx.query(
        "UPDATE products SET stock = greatest(0, stock - $1), updated_at = now() WHERE id = $2",
        [quantity, product],
      );
    }
    await tx.query(
      "UPDATE orders SET total = (SELECT sum(amount) FROM order_items WHERE order_id = $1) WHERE id = $1",
      [id],
    );
    await tx.query(
      "INSERT INTO payments (order_id, method, amount, details) SELECT id, $2, total, $3 FROM orders WHERE id = $1",
      [
        id,
        pick(random, ["card", "mbway", "voucher"]),
        JSON.stringify({ attempts: random.next() < 0.9 ? 1 : 2 }),
      ],
    );
  });
}

async function advanceOrder({ database, random }: Workload): Promise<void> {
  const roll = random.next();
  if (roll < 0.34) {
    await database.query(
      "UPDATE orders SET status = 'picking', updated_at = now() WHERE id = (SELECT id FROM orders WHERE status = 'placed' ORDER BY id LIMIT 1)",
    );
  } else if (roll < 0.67) {
    await database.query(
      `WITH courier AS (UPDATE couriers SET state = 'to store', updated_at = now() WHERE id = (SELECT id FROM couriers WHERE state = 'idle' ORDER BY updated_at LIMIT 1) RETURNING id)
       UPDATE orders o SET status = 'on the way', courier_id = courier.id, updated_at = now() FROM courier
        WHERE o.id = (SELECT id FROM orders WHERE status = 'picking' ORDER BY id LIMIT 1)`,
    );
  } else {
    await database.query(
      `WITH done AS (UPDATE orders SET status = 'delivered', updated_at = now()
                      WHERE id = (SELECT id FROM orders WHERE status = 'on the way' ORDER BY updated_at LIMIT 1) RETURNING courier_id, customer_id)
       , points AS (UPDATE customers c SET loyalty_points = loyalty_points + 10 FROM done WHERE c.id = done.customer_id)
       UPDATE couriers c SET state = 'idle', deliveries = deliveries + 1, updated_at = now() FROM done WHERE c.id = done.courier_id`,
    );
  }
}

async function moveCouriers({ database, random }: Workload): Promise<void> {
  await database.query(
    `UPDATE couriers SET lat = round((lat + (random() - 0.5) * 0.0012 + ($2 - lat) * 0.004)::numeric, 5)::float8,
            lon = round((lon + (random() - 0.5) * 0.0016 + ($3 - lon) * 0.004)::numeric, 5)::float8,
            state = CASE WHEN state = 'to store' THEN 'delivering' ELSE state END,
            battery = CASE WHEN vehicle = 'bicycle' THEN NULL WHEN battery < 12 THEN 100 ELSE battery - (random() < 0.15)::int END, updated_at = now()
      WHERE id % 12 = $1`,
    [Math.floor(random.next() * 12), CENTER.lat, CENTER.lon],
  );
}

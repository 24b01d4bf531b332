/**
 * The sample database: orders of a grocery delivery in Lisbon. It is seeded, so that each start has
 * the same rows.
 */
import type { PGlite } from "@electric-sql/pglite";
import { seededRandom, type Random } from "../../std/random.ts";

const SCHEMA = `
  CREATE TYPE order_status AS ENUM ('placed', 'picking', 'on the way', 'delivered', 'cancelled');
  CREATE TYPE courier_state AS ENUM ('idle', 'to store', 'delivering', 'off shift');
  CREATE TABLE products (
    id int PRIMARY KEY, sku text NOT NULL UNIQUE, name text NOT NULL, category text NOT NULL,
    price numeric(8,2) NOT NULL, stock int NOT NULL, tags text[] NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE customers (
    id int PRIMARY KEY, name text NOT NULL, district text NOT NULL, loyalty_points bigint NOT NULL, since date NOT NULL);
  CREATE TABLE couriers (
    id int PRIMARY KEY, name text NOT NULL, vehicle text NOT NULL, state courier_state NOT NULL,
    lat float8 NOT NULL, lon float8 NOT NULL, battery int, deliveries int NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, customer_id int NOT NULL REFERENCES customers,
    status order_status NOT NULL DEFAULT 'placed', courier_id int REFERENCES couriers, items int NOT NULL,
    total numeric(10,2) NOT NULL, note text, placed_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE order_items (
    order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE, line int NOT NULL, product_id int NOT NULL REFERENCES products,
    quantity int NOT NULL, price numeric(8,2) NOT NULL, amount numeric(10,2) GENERATED ALWAYS AS (quantity * price) STORED,
    PRIMARY KEY (order_id, line));
  CREATE TABLE payments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), order_id bigint NOT NULL REFERENCES orders ON DELETE CASCADE,
    method text NOT NULL, amount numeric(10,2) NOT NULL, details jsonb NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE access_log (at timestamptz NOT NULL DEFAULT now(), line text NOT NULL);
  CREATE INDEX ON orders (status, updated_at);
`;

const AISLES: Readonly<Record<string, readonly string[]>> = {
  bakery: [
    "Sourdough loaf",
    "Rye bread",
    "Butter croissant",
    "Custard tart",
    "Corn bread",
    "Seeded rolls",
  ],
  dairy: ["Whole milk", "Greek yoghurt", "Aged gouda", "Sheep cheese", "Salted butter", "Kefir"],
  fruit: [
    "Rocha pears",
    "Gala apples",
    "Blood oranges",
    "Blueberries",
    "Bananas",
    "Madeira passion fruit",
  ],
  vegetables: ["Vine tomatoes", "Kale", "Sweet potatoes", "Spinach", "Courgettes", "Red peppers"],
  pantry: ["Olive oil", "Basmati rice", "Tinned sardines", "Chickpeas", "Penne", "Sea salt"],
  drinks: [
    "Sparkling water",
    "Vinho verde",
    "Oat drink",
    "Cold brew",
    "Ginger beer",
    "Orange juice",
  ],
  household: ["Dish soap", "Paper towels", "Laundry powder", "Bin bags", "Sponges", "Candles"],
};
const SIZES = ["small", "regular", "large", "family"];
const FIRST_NAMES = [
  "Ana",
  "Bruno",
  "Carla",
  "Diogo",
  "Elisa",
  "Filipe",
  "Graça",
  "Hugo",
  "Inês",
  "João",
  "Lara",
  "Miguel",
  "Nuno",
  "Olga",
  "Pedro",
  "Rita",
  "Sara",
  "Tiago",
  "Vera",
  "Xavier",
];
const LAST_NAMES = [
  "Almeida",
  "Barros",
  "Costa",
  "Duarte",
  "Esteves",
  "Fonseca",
  "Gomes",
  "Henriques",
  "Lopes",
  "Matos",
  "Nunes",
  "Oliveira",
  "Pereira",
  "Ramos",
  "Silva",
  "Teixeira",
];
const DISTRICTS = [
  "Alfama",
  "Alvalade",
  "Arroios",
  "Belém",
  "Benfica",
  "Campo de Ourique",
  "Chiado",
  "Estrela",
  "Graça",
  "Lumiar",
  "Marvila",
  "Parque das Nações",
];
const CUSTOMERS = 1_200;
const COURIERS = 36;
const ORDERS = 2_400;

export const CENTER = { lat: 38.7223, lon: -9.1393 };

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)] as T;
}

export async function createSample(database: PGlite): Promise<void> {
  const random = seededRandom(20_260);
  await database.exec(SCHEMA);
  await insert(
    database,
    "products (id, sku, name, category, price, stock, tags)",
    products(random),
  );
  await insert(
    database,
    "customers (id, name, district, loyalty_points, since)",
    customers(random),
  );
  await insert(
    database,
    "couriers (id, name, vehicle, state, lat, lon, battery)",
    couriers(random),
  );
  await database.exec(`
    INSERT INTO orders (customer_id, status, items, total, placed_at, updated_at)
    SELECT 1 + (n * 7919) % ${CUSTOMERS}, CASE WHEN n % 17 = 0 THEN 'cancelled' ELSE 'delivered' END::order_status, 2, 0,
           now() - (${ORDERS} - n) * interval '41 seconds' - interval '40 minutes', now() - (${ORDERS} - n) * interval '41 seconds'
      FROM generate_series(1, ${ORDERS}) AS n;
    INSERT INTO order_items (order_id, line, product_id, quantity, price)
    SELECT o.id, line, p.id, 1 + (o.id * line) % 3, p.price
      FROM orders o, generate_series(1, 2) AS line JOIN LATERAL (SELECT 1) one ON true
      JOIN products p ON true WHERE p.id = 1 + (o.id * 31 + line * 17) % (SELECT count(*) FROM products);
    UPDATE orders o SET total = (SELECT sum(amount) FROM order_items i WHERE i.order_id = o.id);
    INSERT INTO payments (order_id, method, amount, details, created_at)
    SELECT id, (ARRAY['card','mbway','voucher'])[1 + id % 3], total, jsonb_build_object('attempts', 1 + id % 2), placed_at FROM orders WHERE status = 'delivered';
  `);
}

type Value = string | number | null;

async function insert(
  database: PGlite,
  target: string,
  rows: readonly (readonly Value[])[],
): Promise<void> {
  const width = rows[0]?.length ?? 0;
  const perStatement = Math.floor(30_000 / width);
  for (let from = 0; from < rows.length; from += perStatement) {
    const chunk = rows.slice(from, from + perStatement);
    const places = chunk.map(
      (_, row) =>
        `(${Array.from({ length: width }, (_value, column) => `$${row * width + column + 1}`).join(", ")})`,
    );
    await database.query(`INSERT INTO ${target} VALUES ${places.join(", ")}`, chunk.flat());
  }
}

function products(random: Random): Value[][] {
  const rows: Value[][] = [];
  for (const [category, names] of Object.entries(AISLES)) {
    for (const name of names) {
      for (const size of SIZES) {
        const id = rows.length + 1;
        const price = (0.8 + random.next() * 14).toFixed(2);
        const tags = [
          size,
          ...(random.next() < 0.3 ? ["organic"] : []),
          ...(random.next() < 0.2 ? ["local"] : []),
        ];
        rows.push([
          id,
          `${category.slice(0, 3).toUpperCase()}-${String(id).padStart(4, "0")}`,
          `${name}, ${size}`,
          category,
          price,
          20 + Math.floor(random.next() * 180),
          `{${tags.join(",")}}`,
        ]);
      }
    }
  }
  return rows;
}

function person(random: Random): string {
  return `${pick(random, FIRST_NAMES)} ${pick(random, LAST_NAMES)}`;
}

function customers(random: Random): Value[][] {
  return Array.from({ length: CUSTOMERS }, (_, index) => [
    index + 1,
    person(random),
    pick(random, DISTRICTS),
    Math.floor(random.next() ** 3 * 50_000),
    `${2019 + (index % 7)}-${String(1 + (index % 12)).padStart(2, "0")}-${String(1 + (index % 28)).padStart(2, "0")}`,
  ]);
}

function couriers(random: Random): Value[][] {
  return Array.from({ length: COURIERS }, (_, index) => [
    index + 1,
    person(random),
    pick(random, ["bicycle", "e-bike", "scooter", "van"]),
    "idle",
    Number((CENTER.lat + (random.next() - 0.5) * 0.06).toFixed(5)),
    Number((CENTER.lon + (random.next() - 0.5) * 0.09).toFixed(5)),
    40 + Math.floor(random.next() * 60),
  ]);
}

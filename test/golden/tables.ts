// Printed by `tidemark types` from the tables of a database. Don't edit; after a migration, print it again:
//   npx tidemark types --postgres "$DATABASE_URL" > tables.ts
import { table, type JsonValue } from "tidemark/postgres";

/** A row of 123. */
export interface Table123 {
  readonly id: number;
}

/** A row of größe. */
export interface Größe {
  readonly id: number;
  readonly straße: string | null;
}

/** A row of json_value. */
export interface JsonValue2 {
  readonly id: number;
}

/** A row of kinds. */
export interface Kinds {
  /** bigint */
  readonly id: string;
  readonly small: number;
  readonly whole: number;
  readonly maybe: number | null;
  /** double precision */
  readonly part: number;
  /** numeric */
  readonly exact: string;
  /** numeric(10,2) */
  readonly price: string | null;
  /** numeric(8,2) */
  readonly d: string | null;
  /** numeric(8,2) */
  readonly e: string | null;
  readonly t: string;
  /** character varying(20) */
  readonly v: string;
  /** character(3) */
  readonly c: string | null;
  readonly b: boolean;
  /** timestamp with time zone */
  readonly at: string;
  /** timestamp without time zone */
  readonly local: string | null;
  /** date */
  readonly day: string;
  /** interval */
  readonly span: string | null;
  /** bytea */
  readonly bytes: string | null;
  /** jsonb */
  readonly j: JsonValue;
  /** json */
  readonly old_json: JsonValue | null;
  /** integer[] */
  readonly ints: readonly (number | null)[];
  /** integer[] */
  readonly grid: readonly (readonly (number | null)[])[];
  /** bigint[] */
  readonly bigs: readonly (string | null)[] | null;
  /** text[] */
  readonly texts: readonly (string | null)[];
  /** public.mood[] */
  readonly moods: readonly ("sad" | "it's \"ok\"" | "glad" | null)[] | null;
  readonly m: "sad" | "it's \"ok\"" | "glad";
  readonly n: "sad" | "it's \"ok\"" | "glad" | null;
  /** uuid */
  readonly u: string;
  /** public.pair */
  readonly pairs: string | null;
  /** money */
  readonly money_like: string | null;
  readonly made: string | null;
}

/** A row of order items. */
export interface OrderItems {
  readonly id: number;
  readonly "The */ Key": string | null;
  readonly "line\nbreak": string | null;
  readonly "2nd": string;
  readonly "quo\"te": string | null;
}

/** A row of order_items. */
export interface OrderItems2 {
  /** bigint */
  readonly order_id: string;
  readonly line: number;
  readonly quantity: number;
}

/** A row of parted. */
export interface Parted {
  readonly id: number;
  /** date */
  readonly at: string;
}

/** A row of shop."a.b". */
export interface ShopAB {
  readonly __proto__: string;
  readonly constructor: string | null;
}

/** A row of shop.orders. */
export interface ShopOrders {
  /** uuid */
  readonly id: string;
  readonly note: string | null;
}

export const tables = {
  "123": table<Table123>({
    key: ["id"],
    columns: {
      id: { type: "integer" },
    },
  }),
  größe: table<Größe>({
    key: ["id"],
    columns: {
      id: { type: "integer" },
      straße: { type: "text", isNullable: true },
    },
  }),
  json_value: table<JsonValue2>({
    key: ["id"],
    columns: {
      id: { type: "integer" },
    },
  }),
  kinds: table<Kinds>({
    key: ["id"],
    columns: {
      id: { type: "bigint" },
      small: { type: "integer" },
      whole: { type: "integer" },
      maybe: { type: "integer", isNullable: true },
      part: { type: "float" },
      exact: { type: "numeric" },
      price: { type: "numeric", isNullable: true },
      d: { type: "numeric", isNullable: true },
      e: { type: "numeric", isNullable: true },
      t: { type: "text" },
      v: { type: "text" },
      c: { type: "text", isNullable: true },
      b: { type: "boolean" },
      at: { type: "timestamp" },
      local: { type: "timestamp", isNullable: true },
      day: { type: "date" },
      span: { type: "text", isNullable: true },
      bytes: { type: "text", isNullable: true },
      j: { type: "json" },
      old_json: { type: "json", isNullable: true },
      ints: { type: "json", items: "integer" },
      grid: { type: "json", items: "integer" },
      bigs: { type: "json", items: "bigint", isNullable: true },
      texts: { type: "json", items: "text" },
      moods: { type: "json", items: "text", labels: ["sad", "it's \"ok\"", "glad"], isNullable: true },
      m: { type: "text", labels: ["sad", "it's \"ok\"", "glad"] },
      n: { type: "text", labels: ["sad", "it's \"ok\"", "glad"], isNullable: true },
      u: { type: "text" },
      pairs: { type: "text", isNullable: true },
      money_like: { type: "numeric", isNullable: true },
      made: { type: "text", isNullable: true },
    },
  }),
  "order items": table<OrderItems>({
    key: ["id"],
    columns: {
      id: { type: "integer" },
      "The */ Key": { type: "text", isNullable: true },
      "line\nbreak": { type: "text", isNullable: true },
      "2nd": { type: "text" },
      "quo\"te": { type: "text", isNullable: true },
    },
  }),
  order_items: table<OrderItems2>({
    key: ["line", "order_id"],
    columns: {
      order_id: { type: "bigint" },
      line: { type: "integer" },
      quantity: { type: "integer" },
    },
  }),
  parted: table<Parted>({
    key: ["id", "at"],
    columns: {
      id: { type: "integer" },
      at: { type: "date" },
    },
  }),
  "shop.\"a.b\"": table<ShopAB>({
    key: ["__proto__"],
    columns: {
      ["__proto__"]: { type: "text" },
      constructor: { type: "text", isNullable: true },
    },
  }),
  "shop.orders": table<ShopOrders>({
    key: ["id"],
    columns: {
      id: { type: "text" },
      note: { type: "text", isNullable: true },
    },
  }),
};

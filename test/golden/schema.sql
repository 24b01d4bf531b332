-- Tables of many types and odd names, for the file that `tidemark types` prints of them: tables.ts.
CREATE TYPE mood AS ENUM ('sad', 'it''s "ok"', 'glad');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN positive AS numeric(8,2) CHECK (value > 0);
CREATE DOMAIN tight AS positive NOT NULL;
CREATE SCHEMA shop;

CREATE TABLE kinds (
  id bigint PRIMARY KEY, small int2 NOT NULL, whole int NOT NULL, maybe int, part float8 NOT NULL, exact numeric NOT NULL,
  price numeric(10,2), d positive, e tight, t text NOT NULL, v varchar(20) NOT NULL, c char(3), b boolean NOT NULL,
  at timestamptz NOT NULL, local timestamp, day date NOT NULL, span interval, bytes bytea, j jsonb NOT NULL, old_json json,
  ints int[] NOT NULL, grid int[][] NOT NULL, bigs bigint[], texts text[] NOT NULL, moods mood[], m mood NOT NULL, n mood,
  u uuid NOT NULL, pairs pair, money_like money, made text GENERATED ALWAYS AS ('x' || t) STORED
);
CREATE TABLE order_items (order_id bigint, line int, quantity int NOT NULL, PRIMARY KEY (line, order_id));
CREATE TABLE shop.orders (id uuid PRIMARY KEY, note text);
CREATE TABLE shop."a.b" ("__proto__" text PRIMARY KEY, "constructor" text);
CREATE TABLE "order items" (id int PRIMARY KEY, "The */ Key" text, "line
break" text, "2nd" text NOT NULL, "quo""te" text);
CREATE TABLE "json_value" (id int PRIMARY KEY);
CREATE TABLE "123" (id int PRIMARY KEY);
CREATE TABLE parted (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE "größe" (id int NOT NULL UNIQUE, "straße" text);
CREATE TABLE keyless (at timestamptz);
CREATE VIEW seen AS SELECT * FROM kinds;

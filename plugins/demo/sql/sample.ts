/**
 * The sample database, written in SQLite's dialect as the translator would write it.
 *
 * @module
 */

const TABLES = `
CREATE TABLE "customers" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "name" varchar(60) COLLATE NOCASE NOT NULL,
  "email" varchar(120) COLLATE NOCASE UNIQUE,
  "city" varchar(40) COLLATE NOCASE NOT NULL,
  "country" char(2) COLLATE NOCASE NOT NULL,
  "born" text date,
  "credit" decimal(10,2) NOT NULL DEFAULT 0,
  "created_at" text datetime NOT NULL DEFAULT (datetime('now'))
);
CREATE TABLE "products" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "sku" varchar(20) COLLATE NOCASE NOT NULL UNIQUE,
  "name" varchar(80) COLLATE NOCASE NOT NULL,
  "price" decimal(10,2) NOT NULL,
  "stock" int unsigned NOT NULL DEFAULT 0,
  "weight" double,
  "description" text COLLATE NOCASE
);
CREATE TABLE "orders" (
  "id" INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
  "customer_id" int NOT NULL,
  "status" varchar(12) COLLATE NOCASE NOT NULL DEFAULT 'new',
  "ordered_at" text datetime NOT NULL DEFAULT (datetime('now')),
  "shipped_on" text date,
  "note" text COLLATE NOCASE,
  FOREIGN KEY ("customer_id") REFERENCES "customers" ("id")
);
CREATE INDEX "orders.customer_id" ON "orders" ("customer_id");
CREATE TABLE "order_items" (
  "order_id" int NOT NULL,
  "product_id" int NOT NULL,
  "quantity" int NOT NULL DEFAULT 1,
  "price" decimal(10,2) NOT NULL,
  PRIMARY KEY ("order_id", "product_id"),
  FOREIGN KEY ("order_id") REFERENCES "orders" ("id") ON DELETE CASCADE,
  FOREIGN KEY ("product_id") REFERENCES "products" ("id")
);
CREATE INDEX "order_items.product_id" ON "order_items" ("product_id");
`;

const CUSTOMERS = `
INSERT INTO "customers" ("name", "email", "city", "country", "born", "credit", "created_at") VALUES
  ('Ada Lovelace', 'ada@example.com', 'London', 'GB', '1815-12-10', 1200.50, '2024-01-05 09:12:44'),
  ('Grace Hopper', 'grace@example.com', 'New York', 'US', '1906-12-09', 310.00, '2024-01-17 14:03:10'),
  ('Emmy Noether', 'emmy@example.com', 'Erlangen', 'DE', '1882-03-23', 0, '2024-02-02 08:00:00'),
  ('José García', 'jose@example.com', 'Málaga', 'ES', NULL, 49.90, '2024-02-14 19:45:31'),
  ('Łukasz Żak', 'lukasz@example.com', 'Łódź', 'PL', '1991-07-19', 0, '2024-03-01 11:22:33'),
  ('Zoë Müller', 'zoe@example.com', 'Zürich', 'CH', '1988-02-29', 880.25, '2024-03-08 16:20:05'),
  ('Иван Петров', 'ivan@example.com', 'София', 'BG', '1979-11-03', 15.75, '2024-04-12 07:30:00'),
  ('山田 花子', 'hanako@example.com', '大阪', 'JP', '1995-05-05', 5000.00, '2024-04-30 23:59:59'),
  ('محمد علي', NULL, 'القاهرة', 'EG', NULL, 0, '2024-05-19 12:00:00'),
  ('Åsa Öberg', 'asa@example.com', 'Malmö', 'SE', '2001-09-09', 72.10, '2024-06-06 06:06:06'),
  ('Priya 🌻 Nair', 'priya@example.com', 'Kochi', 'IN', '1999-01-14', 230.00, '2024-07-21 10:15:00'),
  ('O''Brien & Sons', 'orders@obrien.example', 'Galway', 'IE', NULL, 9999.99, '2024-08-11 13:37:00');
`;

const PRODUCTS = `
INSERT INTO "products" ("sku", "name", "price", "stock", "weight", "description") VALUES
  ('TEA-001', 'Green tea, 100 g', 6.90, 120, 0.1, 'First flush, from the hills of Uji'),
  ('TEA-002', 'Earl Grey, 100 g', 5.40, 80, 0.1, NULL),
  ('COF-001', 'Espresso beans, 1 kg', 18.99, 42, 1.0, 'Dark, with notes of cocoa ☕'),
  ('COF-002', 'Decaf beans, 500 g', 11.50, 0, 0.5, 'For the evening'),
  ('CUP-001', 'Porcelain cup', 12.00, 230, 0.31, NULL),
  ('CUP-002', 'Travel mug', 24.95, 64, 0.42, 'Keeps warm for six hours'),
  ('KET-001', 'Gooseneck kettle', 69.00, 15, 1.35, 'Pours a thin stream'),
  ('GRD-001', 'Hand grinder', 89.90, 9, 0.85, 'Steel burrs; 38 steps'),
  ('CAK-001', 'Linzer Torte', 21.50, 7, 0.9, 'Großmutters Rezept'),
  ('GFT-001', 'Gift card', 25.00, 9999, NULL, NULL);
`;

const ORDERS = `
INSERT INTO "orders" ("customer_id", "status", "ordered_at", "shipped_on", "note") VALUES
  (1, 'shipped', '2024-06-01 10:00:00', '2024-06-03', NULL),
  (2, 'shipped', '2024-06-02 11:30:00', '2024-06-03', 'Leave with the neighbour'),
  (1, 'shipped', '2024-07-15 09:41:12', '2024-07-16', NULL),
  (4, 'returned', '2024-07-20 20:15:00', '2024-07-22', '¿Otro color, por favor?'),
  (6, 'shipped', '2024-08-02 08:08:08', '2024-08-05', NULL),
  (8, 'paid', '2024-09-10 03:00:00', NULL, 'ギフト包装'),
  (8, 'shipped', '2024-09-11 03:30:00', '2024-09-14', NULL),
  (11, 'new', '2024-10-01 17:20:00', NULL, NULL),
  (12, 'paid', '2024-10-02 12:00:00', NULL, 'Invoice to the office'),
  (5, 'cancelled', '2024-10-03 22:22:22', NULL, NULL),
  (7, 'new', '2024-10-04 06:45:00', NULL, NULL),
  (3, 'shipped', '2024-10-04 07:00:00', '2024-10-07', NULL);
`;

const ITEMS = `
INSERT INTO "order_items" ("order_id", "product_id", "quantity", "price") VALUES
  (1, 1, 2, 6.90), (1, 5, 4, 12.00), (2, 3, 1, 18.99), (2, 8, 1, 89.90), (3, 7, 1, 69.00), (4, 6, 1, 24.95),
  (5, 9, 1, 21.50), (5, 2, 2, 5.40), (5, 10, 1, 25.00), (6, 1, 10, 6.50), (6, 5, 10, 11.00), (7, 3, 3, 18.99),
  (8, 6, 2, 24.95), (9, 10, 20, 25.00), (9, 3, 5, 17.99), (10, 4, 1, 11.50), (11, 2, 1, 5.40), (12, 7, 1, 69.00),
  (12, 1, 1, 6.90), (12, 9, 2, 21.50);
`;

const VIEWS = `
CREATE VIEW "order_totals" AS
  SELECT o."id" AS "order_id", c."name" AS "customer", o."status" AS "status",
    sum(i."quantity" * i."price") AS "total"
  FROM "orders" o JOIN "customers" c ON c."id" = o."customer_id" JOIN "order_items" i ON i."order_id" = o."id"
  GROUP BY o."id", c."name", o."status";
`;

/** The statements that make and fill the sample database. */
export const SAMPLE_DATABASE = TABLES + CUSTOMERS + PRODUCTS + ORDERS + ITEMS + VIEWS;

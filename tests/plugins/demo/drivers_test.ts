import { Buffer } from "node:buffer";
import { assertEquals, assertRejects } from "@std/assert";
import "../../servers/node_process.ts";
import { createConnection as mariadbConnect } from "mariadb";
import { createConnection as mysql2Connect } from "mysql2/promise";
import { withServers } from "./stage.ts";

const LOGIN = { host: "127.0.0.1", user: "demo", database: "shop" };
const BLOB = Uint8Array.from({ length: 100_000 }, (_, at) => at * 7 & 255);

Deno.test("DemoServer serves mysql2: text, prepared statements, transactions, errors", () =>
  withServers(async ({ readWrite }) => {
    const connection = await mysql2Connect({
      ...LOGIN,
      port: readWrite.address.port,
      dateStrings: true,
      multipleStatements: true,
    });
    try {
      const [rows] = await connection.query(
        "SELECT id, name, credit, born, created_at FROM customers WHERE id IN (8, 9)",
      );
      assertEquals(rows as unknown, [
        { id: 8, name: "山田 花子", credit: "5000.00", born: "1995-05-05", created_at: "2024-04-30 23:59:59" },
        { id: 9, name: "محمد علي", credit: "0.00", born: null, created_at: "2024-05-19 12:00:00" },
      ]);
      const [prepared] = await connection.execute(
        "SELECT c.id, c.credit, c.born, c.created_at, p.weight FROM customers c LEFT JOIN products p ON p.id = c.id " +
          "WHERE c.name = ? OR c.id = ?",
        ["Ada Lovelace", 2],
      );
      assertEquals(prepared as unknown, [
        { id: 1, credit: "1200.50", born: "1815-12-10", created_at: "2024-01-05 09:12:44", weight: 0.1 },
        { id: 2, credit: "310.00", born: "1906-12-09", created_at: "2024-01-17 14:03:10", weight: 0.1 },
      ]);
      await connection.query("CREATE TABLE files (id BIGINT AUTO_INCREMENT PRIMARY KEY, body LONGBLOB, at TIME)");
      const [inserted] = await connection.execute("INSERT INTO files (body, at) VALUES (?, ?)", [BLOB, "-12:30:05"]);
      assertEquals("insertId" in inserted && inserted.insertId, 1);
      const [files] = await connection.execute("SELECT body, at, LENGTH(body) AS size FROM files");
      assertEquals(files as unknown, [{
        body: Buffer.from(BLOB),
        at: "-12:30:05",
        size: 100_000,
      }]);
      await connection.beginTransaction();
      await connection.query("DELETE FROM files");
      await connection.rollback();
      const [several] = await connection.query("SELECT COUNT(*) AS n FROM files; SET @x = 5; SELECT @x AS x");
      assertEquals((several as unknown[])[0], [{ n: 1 }]);
      assertEquals((several as unknown[])[2], [{ x: 5 }]);
      const failed = await assertRejects(() => connection.query("SELECT * FROM nope"));
      assertEquals({ ...failed as object, message: "", sqlMessage: "", sql: "" }, {
        code: "ER_NO_SUCH_TABLE",
        errno: 1146,
        sqlState: "42S02",
        message: "",
        sqlMessage: "",
        sql: "",
      });
      await connection.changeUser({ user: "other", database: "shop" });
      const [user] = await connection.query("SELECT CURRENT_USER() AS user");
      assertEquals(user as unknown, [{ user: "other@localhost" }]);
      await connection.ping();
    } finally {
      await connection.end();
    }
  }));

Deno.test("DemoServer serves the mariadb connector: text, prepared statements, batches, errors", () =>
  withServers(async ({ readWrite }) => {
    const connection = await mariadbConnect({
      ...LOGIN,
      port: readWrite.address.port,
      dateStrings: true,
      bigIntAsNumber: true,
      insertIdAsNumber: true,
    });
    try {
      assertEquals(
        await connection.query({ sql: "SELECT id, name, price FROM products WHERE id < ?", rowsAsArray: true }, [3]),
        [
          [1, "Green tea, 100 g", "6.90"],
          [2, "Earl Grey, 100 g", "5.40"],
        ],
      );
      const found = await connection.execute(
        "SELECT id, ordered_at FROM orders WHERE customer_id = ? ORDER BY id LIMIT ?",
        [8, 1],
      );
      assertEquals([...found], [{ id: 6, ordered_at: "2024-09-10 03:00:00" }]);
      await connection.batch("INSERT INTO customers (name, city, country) VALUES (?, ?, ?)", [
        ["Batch 1", "Ulm", "DE"],
        ["Batch 2", "Bonn", "DE"],
      ]);
      const [{ n }] = await connection.query("SELECT COUNT(*) AS n FROM customers WHERE name LIKE 'Batch _'");
      assertEquals(n, 2);
      const failed = await assertRejects(() =>
        connection.query("INSERT INTO customers (id, name, city, country) VALUES (1, 'x', 'x', 'x')")
      );
      assertEquals("errno" in failed && "sqlState" in failed && [failed.errno, failed.sqlState], [1062, "23000"]);
      await connection.reset();
      await connection.ping();
    } finally {
      await connection.end();
    }
  }));

import { assertEquals } from "@std/assert";
import { failureOf, withMariadb } from "./drivers.ts";
import { scenario } from "./scenario.ts";

for (const bulk of [true, false]) {
  const name = bulk ? "as bulk commands where the server has them" : "as pipelines of executions";

  scenario(
    `the mariadb connector's batches of rows are stored, ${name}`,
    (target) =>
      withMariadb(target, async (connection) => {
        await connection.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50), d DATETIME)");
        const rows = Array.from({ length: 5000 }, (_, index) => [
          `name ${index}`,
          index % 7 === 0 ? null : "2024-02-29 12:34:56",
        ]);
        const stored = await connection.batch({ sql: "INSERT INTO t (name, d) VALUES (?, ?)", bulk }, rows);
        const sums = await connection.query("SELECT COUNT(*), SUM(id), SUM(LENGTH(name)), COUNT(d) FROM t");
        const wide = Array.from({ length: 100 }, () => ["x".repeat(50), null]);
        await connection.batch({ sql: "INSERT INTO t (name, d) VALUES (?, ?)", bulk }, wide);
        const failure = await failureOf(
          connection.batch({ sql: "INSERT INTO t (id, name) VALUES (?, ?)", bulk }, [[9001, "a"], [1, "b"], [
            9002,
            "c",
          ]]),
        );
        assertEquals(failure.errno, 1062);
        const after = await connection.query("SELECT COUNT(*) AS n FROM t");
        return [stored, sums, failure, after].map((it) => JSON.stringify(it));
      }),
  );
}

scenario("INSERT … RETURNING in bulk gives its rows", (target) =>
  withMariadb(target, async (connection) => {
    await connection.query("CREATE TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(50))");
    const rows = Array.from({ length: 50 }, (_, index) => [`name ${index}`]);
    const returned = await connection.batch("INSERT INTO t (name) VALUES (?) RETURNING id, name", rows);
    return JSON.stringify(returned);
  }), { servers: ["mariadb"] });

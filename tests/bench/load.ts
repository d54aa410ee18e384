/**
 * The load: point selects from a number of clients at once, by sysbench where it is installed, else by a client of ours.
 *
 * @module
 */

import { run } from "../servers/run_program.ts";
import { query } from "../servers/sql.ts";
import { ROOT } from "../servers/users.ts";

/** The tables that sysbench's OLTP tests expect: `sbtest1` and so on, in the database `sbtest`. */
export const TABLES = 4;
/** Rows of each table. */
export const ROWS = 25_000;

/** Makes and fills the tables. */
export async function makeTables(server: { readonly port: number }): Promise<void> {
  const fill = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    SELECT a.i * 500 - 500 + b.i, 1 + RAND() * ${ROWS}, RPAD(SHA2(b.i, 256), 119, '-'), RPAD(SHA2(a.i, 256), 59, '-')
    FROM n AS a CROSS JOIN n AS b WHERE a.i <= ${ROWS / 500}`;
  const statements = ["CREATE DATABASE sbtest", "USE sbtest"];
  for (let table = 1; table <= TABLES; table++) {
    statements.push(
      `CREATE TABLE sbtest${table} (id INT PRIMARY KEY AUTO_INCREMENT, k INT NOT NULL DEFAULT 0, ` +
        "c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY (k)) ENGINE = InnoDB",
      `INSERT INTO sbtest${table} ${fill}`,
    );
  }
  await query(server, ...statements);
}

/** Whether sysbench is installed. */
export async function hasSysbench(): Promise<boolean> {
  try {
    return (await run(["sysbench", "--version"])).code === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A run of the load. */
export interface Load {
  readonly queries: number;
  readonly perSecond: number;
}

/** How the load is made. */
export interface LoadOptions {
  /** By sysbench; else by a client of ours. */
  readonly sysbench: boolean;
  /** Use TLS, with the certificates in this folder under the names that sysbench expects. Only with sysbench. */
  readonly tls?: string;
}

/** Sends point selects to `port` from `threads` clients for `seconds`. */
export async function sendLoad(
  { sysbench, tls }: LoadOptions,
  port: number,
  threads: number,
  seconds: number,
): Promise<Load> {
  const command: [string, ...string[]] = sysbench
    ? [
      "sysbench",
      "oltp_point_select",
      "--db-driver=mysql",
      "--mysql-host=127.0.0.1",
      `--mysql-port=${port}`,
      `--mysql-user=${ROOT.user}`,
      "--mysql-db=sbtest",
      "--db-ps-mode=disable",
      `--tables=${TABLES}`,
      `--table-size=${ROWS}`,
      `--threads=${threads}`,
      `--time=${seconds}`,
      ...(tls === undefined ? [] : ["--mysql-ssl=on"]),
      "run",
    ]
    : [
      Deno.execPath(),
      "run",
      "--allow-net",
      new URL("./load_client.ts", import.meta.url).pathname,
      `${port}`,
      `${threads}`,
      `${seconds}`,
    ];
  // With TLS, sysbench's threads sometimes trip over each other when they log in, whatever they connect to.
  for (let attempt = 1;; attempt++) {
    const { code, stdout, stderr } = await run(command, {
      limit: seconds * 1000 + 60_000,
      ...(tls === undefined ? {} : { cwd: tls }),
    });
    const queries = Number(/queries:\s+(\d+)/.exec(stdout)?.[1]);
    const perSecond = Number(/queries:\s+\d+\s+\(([\d.]+) per sec/.exec(stdout)?.[1]);
    if (code === 0 && queries > 0) return { queries, perSecond };
    if (tls === undefined || attempt === 5) throw new Error(`The load failed: ${stderr}${stdout}`);
  }
}

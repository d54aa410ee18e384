/**
 * The tour: a few queries through the proxy, each with its answer, its time and the server that gave it.
 *
 * @module
 */
import { formatAddress, parseAddress } from "../../lib/net/address.ts";
import type { Log, OptionValues } from "../../lib/plugin/mod.ts";
import { Client, ClientError, type ClientResult } from "./client.ts";
import type { DemoServers } from "./demo_servers.ts";
import { type Paint, paint, table } from "./terminal.ts";
import { DATABASE_NAME } from "./sql/database.ts";

/** The name that the tour logs in with; any other would do. */
const USER = "demo";

/** The longest wait for one answer, in seconds: a tour that hangs would be a poor advertisement. */
const TIMEOUT = 3;

interface Step {
  readonly title: string;
  readonly sql: string;
  /** Makes it a prepared statement. */
  readonly parameters?: readonly string[];
}

const THROUGH_PROXY: readonly Step[] = [
  { title: "A query", sql: "SELECT id, name, city, credit FROM customers ORDER BY credit DESC LIMIT 3" },
  {
    title: "A join with an aggregate",
    sql: "SELECT customer, COUNT(*) AS orders, ROUND(SUM(total), 2) AS spent FROM order_totals " +
      "GROUP BY customer ORDER BY spent DESC LIMIT 3",
  },
  {
    title: "A prepared statement",
    sql: "SELECT sku, name, price FROM products WHERE sku LIKE ? AND price < ? ORDER BY price",
    parameters: ["TEA%", "10"],
  },
  { title: "A write", sql: "INSERT INTO orders (customer_id, status, note) VALUES (3, 'new', 'From the tour')" },
  { title: "What the write left", sql: "SELECT id, status, note, ordered_at FROM orders WHERE id = LAST_INSERT_ID()" },
  { title: "A mistake, on purpose", sql: "SELECT name FROM custommers" },
];

const ON_READ_ONLY: readonly Step[] = [
  { title: "The read-only server, asked directly, sees the new order", sql: "SELECT COUNT(*) AS orders FROM orders" },
  { title: "and refuses to write", sql: "DELETE FROM orders" },
];

/** Where clients reach the proxy, or why that cannot be said. */
function proxyAddress(values: OptionValues): { address: string } | { reason: string } {
  if (values.get("no-proxy") === true) return { reason: "the proxy is switched off" };
  const option = values.get("proxy-address");
  const first = Array.isArray(option) ? option[0] : option;
  if (typeof first !== "string") return { reason: "the proxy plugin is not loaded" };
  const parsed = parseAddress(first);
  if (parsed.transport === "unix") return { address: parsed.path };
  if (parsed.port === 0) return { reason: "the proxy's port was left to the system" };
  const hostname = parsed.hostname === "0.0.0.0" ? "127.0.0.1" : parsed.hostname === "::" ? "::1" : parsed.hostname;
  return { address: formatAddress({ ...parsed, hostname }) };
}

/** Runs the tour and prints how to connect. Never throws: a tour that fails must not stop the program. */
export async function runTour(servers: DemoServers, values: OptionValues, log: Log): Promise<void> {
  const colours = paint(Deno.stdout.isTerminal() && !Deno.noColor);
  try {
    const found = proxyAddress(values);
    if ("reason" in found) {
      await print(
        `No tour: ${found.reason}. The demo servers are ${servers.readWrite.addressText} and ${servers.readOnly.addressText}.\n`,
      );
      return;
    }
    await print(`\n${colours.bold("A tour of the demo database")}, through the proxy at ${found.address}\n`);
    const login = { user: USER, password: servers.password, database: DATABASE_NAME, timeout: TIMEOUT };
    await take(THROUGH_PROXY, { ...login, address: found.address }, colours);
    await take(ON_READ_ONLY, { ...login, address: servers.readOnly.addressText }, colours);
    await print(instructions(found.address, servers, colours));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    log.write("warning", `The demo's tour ended early: ${reason}`);
  }
}

async function take(steps: readonly Step[], options: Parameters<typeof Client.connect>[0], colours: Paint) {
  const client = await Client.connect(options);
  try {
    for (const step of steps) await print(await show(client, step, colours));
  } finally {
    client.close();
  }
}

async function show(client: Client, { title, sql, parameters }: Step, colours: Paint): Promise<string> {
  const { rows } = await client.query("SELECT @@hostname");
  const from = performance.now();
  let answer: ClientResult | ClientError;
  try {
    answer = parameters === undefined ? await client.query(sql) : await client.execute(sql, parameters);
  } catch (error) {
    if (!(error instanceof ClientError) || error.code !== "refused") throw error;
    answer = error;
  }
  const time = `${(performance.now() - from).toFixed(1)} ms`;
  const shown = answer instanceof ClientError
    ? colours.red(`ERROR ${answer.errorNumber} (${answer.sqlState}): ${answer.message}`)
    : describe(answer, colours);
  const values = parameters === undefined
    ? ""
    : colours.dim(`   with ${parameters.map((value) => `'${value}'`).join(", ")}`);
  const indented = shown.split("\n").map((line) => `  ${line}`).join("\n");
  return `\n${colours.dim(`-- ${title}`)}\n${colours.cyan(sql)}${values}\n${indented}\n  ${colours.green(time)} ${
    colours.dim("from")
  } ${colours.bold(rows[0]?.[0] ?? "?")}\n`;
}

function describe({ columns, rows, affectedRows, lastInsertId }: ClientResult, colours: Paint): string {
  if (columns.length > 0) return table(columns, rows, colours);
  const id = lastInsertId === 0 ? "" : `, new id ${lastInsertId}`;
  return `OK, ${affectedRows} row${affectedRows === 1 ? "" : "s"} affected${id}`;
}

function instructions(address: string, servers: DemoServers, colours: Paint): string {
  const secret = servers.password === "" ? "" : " --password";
  const parsed = parseAddress(address);
  const where = parsed.transport === "unix"
    ? `--socket=${parsed.path}`
    : `--host=${parsed.hostname} --port=${parsed.port}`;
  const url = parsed.transport === "unix"
    ? `mysql://${USER}@localhost/${DATABASE_NAME}?socketPath=${parsed.path}`
    : `mysql://${USER}${secret === "" ? "" : ":PASSWORD"}@${address}/${DATABASE_NAME}`;
  const lines = [
    ["mysql", `mysql ${where} --user=${USER}${secret} ${DATABASE_NAME}`],
    ["mariadb", `mariadb ${where} --user=${USER}${secret} ${DATABASE_NAME}`],
    ["mysql2 (Node)", `mysql.createConnection("${url}")`],
    ["read-only", `the server at ${servers.readOnly.addressText}, behind the proxy for scripts that choose it`],
  ];
  const body = lines.map(([name = "", line = ""]) => `  ${name.padEnd(14)} ${colours.bold(line)}\n`).join("");
  return `\nConnect with a client of your own:\n${body}\nPress Ctrl-C to stop\n`;
}

async function print(text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += await Deno.stdout.write(bytes.subarray(at));
}

import { assertEquals } from "@std/assert";
import { run } from "../servers/run_program.ts";
import { query } from "../servers/sql.ts";
import { APP } from "../servers/users.ts";
import { scenario } from "./scenario.ts";

const SCRIPTS = `${import.meta.dirname}/scripts`;

/** Where Debian's packages put the sources of Go's libraries, unless named otherwise. */
const GOPATH = Deno.env.get("MYSQL_PROXY_TEST_GOPATH") ?? "/usr/share/gocode";

/** A driver of another language: how it is run, and a command that works where it is installed. */
interface Driver {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  readonly probe: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

// Debian's Python packages are those of /usr/bin/python3, whatever is first on PATH.
const PYTHON = ["/usr/bin/python3", "python3"].map((python): Driver => ({
  name: "PyMySQL",
  command: [python, `${SCRIPTS}/pymysql_script.py`],
  // Without it there is no full log-in with caching_sha2_password.
  probe: [python, "-c", "import pymysql, cryptography"],
}));

const GO_ENVIRONMENT = { GO111MODULE: "off", GOPATH, GOFLAGS: "" };

const DRIVERS: readonly (readonly Driver[])[] = [
  PYTHON,
  [{ name: "DBD::mysql", command: ["perl", `${SCRIPTS}/dbd_mysql.pl`], probe: ["perl", "-MDBD::mysql", "-e", "1"] }],
  [{
    name: "PHP mysqli",
    command: ["php", `${SCRIPTS}/mysqli.php`],
    probe: ["php", "-r", "exit(extension_loaded('mysqli') ? 0 : 1);"],
  }],
  [{
    name: "go-sql-driver",
    command: ["go", "run", `${SCRIPTS}/go_sql_driver/main.go`],
    probe: ["go", "list", "github.com/go-sql-driver/mysql"],
    env: GO_ENVIRONMENT,
  }],
];

async function works({ probe, env }: Driver): Promise<boolean> {
  try {
    return (await run(probe, { env: env ?? {} })).code === 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

for (const choices of DRIVERS) {
  const usable = await Promise.all(choices.map(works));
  const driver = choices.find((_, index) => usable[index]);
  const name = choices[0]?.name ?? "";
  scenario(`${name} does the same through the proxy`, async (target) => {
    if (driver === undefined) throw new Error(`${name} is not installed`);
    await query(target.server, "FLUSH PRIVILEGES");
    const args = [`${target.port}`, APP.user, APP.password, target.database];
    const outcome = await run([...driver.command, ...args], { limit: 40_000, env: driver.env ?? {} });
    assertEquals(outcome.code, 0, outcome.stderr + outcome.stdout);
    // Where the database's name or the client's port is part of a message, it is not the point.
    return outcome;
  }, { limit: 45_000, missing: driver === undefined ? `${name} is not installed` : undefined });
}

import { assertEquals } from "@std/assert";
import {
  accountsOf,
  AUTHENTICATION_ACCOUNTS,
  type AuthenticationAccount,
  authenticationInstallations,
  forgetPasswords,
} from "../servers/authentication_server.ts";
import { type Installation, programOf } from "../servers/installation.ts";
import { holdTempDir } from "../servers/leash.ts";
import { pluginFolder } from "../servers/launch.ts";
import { hasProxy } from "../servers/proxy.ts";
import { run } from "../servers/run_program.ts";
import { portOn, type Route, serverOf } from "./authentication_matrix.ts";
import { within } from "./scenario.ts";

const SCRIPTS = `${import.meta.dirname}/scripts`;
const GOPATH = Deno.env.get("MYSQL_PROXY_TEST_GOPATH") ?? "/usr/share/gocode";
const GO = { GO111MODULE: "off", GOPATH, GOFLAGS: "" };
/** Where the programs that need a compiler go. */
const BUILT = await holdTempDir("drivers");
const JDBC = Deno.env.get("MYSQL_PROXY_TEST_JDBC") ?? "/usr/share/java/mariadb-java-client.jar";

/** How a client is asked for TLS: as it comes, never, always. In the last two some are asked for compression as well. */
const MODES = ["default", "off", "on"] as const;

/** A program that logs in and prints `in as USER`, or the error. */
interface Driver {
  readonly name: string;
  readonly command: (
    mode: typeof MODES[number],
    port: number,
    account: AuthenticationAccount,
  ) => readonly [string, ...string[]];
  readonly probe: readonly [string, ...string[]];
  /** Makes the program, once. */
  readonly build?: readonly [string, ...string[]];
  readonly env?: Readonly<Record<string, string>>;
}

function script(
  name: string,
  program: readonly [string, ...string[]],
  probe: Driver["probe"],
  more: Partial<Driver> = {},
): Driver {
  return {
    name,
    command: (mode, port, { user, password }) => [...program, mode, `${port}`, user, password],
    probe,
    ...more,
  };
}

/** The command-line client of an installation. */
function client(installation: Installation): Driver {
  const { kind, version } = installation;
  const program = programOf(installation, "client");
  const plugins = pluginFolder(installation);
  const options = kind === "mysql"
    ? {
      default: [],
      off: ["--ssl-mode=DISABLED", "--get-server-public-key"],
      on: ["--ssl-mode=REQUIRED", "--compress"],
    }
    : { default: [], off: ["--skip-ssl"], on: ["--ssl", "--compress"] };
  const command = program ?? ["false"];
  return {
    name: `the ${kind} ${version} client`,
    command: (mode, port, { user, password }) => [
      ...command as [string, ...string[]],
      "--no-defaults",
      ...(plugins === undefined ? [] : [`--plugin-dir=${plugins}`]),
      "--protocol=TCP",
      "--host=127.0.0.1",
      `--port=${port}`,
      `--user=${user}`,
      `--password=${password}`,
      ...options[mode],
      "--batch",
      "--skip-column-names",
      "--execute=SELECT CONCAT('in as ', SUBSTRING_INDEX(CURRENT_USER(), '@', 1))",
    ],
    probe: [...command as [string, ...string[]], "--version"],
  };
}

const PYTHON = "/usr/bin/python3";
const DRIVERS: readonly Driver[] = [
  ...authenticationInstallations().map(client),
  script("PyMySQL", [PYTHON, `${SCRIPTS}/login.py`], [PYTHON, "-c", "import pymysql, cryptography"]),
  script("PHP mysqli", ["php", `${SCRIPTS}/login.php`], ["php", "-r", "exit(extension_loaded('mysqli') ? 0 : 1);"]),
  script("DBD::mysql", ["perl", `${SCRIPTS}/login.pl`], ["perl", "-MDBD::mysql", "-e", "1"]),
  script("go-sql-driver", [`${BUILT}/go_login`], ["go", "list", "github.com/go-sql-driver/mysql"], {
    build: ["go", "build", "-o", `${BUILT}/go_login`, `${SCRIPTS}/go_login/main.go`],
    env: GO,
  }),
  script(
    "MariaDB Connector/J",
    ["java", "-XX:TieredStopAtLevel=1", "-cp", `${JDBC}:${BUILT}`, "Login"],
    ["sh", "-c", `javac -version && test -e ${JDBC}`],
    { build: ["javac", "-d", BUILT, `${SCRIPTS}/Login.java`] },
  ),
];

async function works({ probe, build, env = {} }: Driver): Promise<boolean> {
  try {
    if ((await run(probe, { env })).code !== 0) return false;
    const built = build === undefined ? undefined : await run(build, { env });
    if (built !== undefined && built.code !== 0) throw new Error(built.stderr);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** What a driver says, without what differs from run to run: ports, numbers of connections. */
async function said(driver: Driver, mode: typeof MODES[number], port: number, account: AuthenticationAccount) {
  const { stdout, stderr } = await run(driver.command(mode, port, account), { env: driver.env ?? {}, limit: 30_000 });
  return (stdout + stderr).replaceAll(`${port}`, "PORT").replaceAll(/conn[:=]\d+/g, "conn");
}

const isProxied = hasProxy();
const USERS = ["sha2", "sha2_empty", "sha256", "native", "ed25519", "parsec"];
const ROUTES: readonly Route[] = [
  { proxies: 1, clientTls: true, serverTls: true },
  { proxies: 1, clientTls: true, serverTls: false },
  { proxies: 2, clientTls: true, serverTls: true },
];

for (const driver of DRIVERS) {
  const usable = await works(driver);
  for (const installation of authenticationInstallations()) {
    const there = accountsOf(installation).accounts;
    const accounts = AUTHENTICATION_ACCOUNTS[installation.kind].filter((account) =>
      USERS.includes(account.user) && there.includes(account)
    );
    for (const mode of MODES) {
      const name = `${driver.name} logs in to ${installation.kind} ${installation.version}, TLS: ${mode}`;
      Deno.test({
        name: usable ? name : `${name} [skipped: ${driver.name} is not installed]`,
        ignore: !usable,
        sanitizeOps: false,
        sanitizeResources: false,
        fn: () => within(120_000, "The driver", runDriver(driver, mode, installation, accounts)),
      });
    }
  }
}

/** Logs in as each account, direct and through proxies, with its password new to the server and known to it. */
async function runDriver(
  driver: Driver,
  mode: typeof MODES[number],
  installation: Installation,
  accounts: readonly AuthenticationAccount[],
): Promise<void> {
  const { server } = await serverOf({ installation });
  let successes = 0;
  for (const account of accounts) {
    await forgetPasswords(server);
    const direct = [await said(driver, mode, server.port, account), await said(driver, mode, server.port, account)];
    // What a client refuses by itself, such as a plugin that it does not know, is no matter of the proxy.
    if (!direct[0]?.includes(`in as ${account.user}\n`)) continue;
    successes++;
    for (const route of isProxied ? ROUTES : []) {
      const port = await portOn(route, server);
      await forgetPasswords(server);
      const proxied = [await said(driver, mode, port, account), await said(driver, mode, port, account)];
      assertEquals(proxied, direct, `${account.user} through ${route.proxies}, TLS to the server: ${route.serverTls}`);
    }
  }
  // DBD::mysql may be built without TLS.
  if (!(driver.name === "DBD::mysql" && mode === "on")) assertEquals(successes > 0, true, "It logs in as nobody");
}

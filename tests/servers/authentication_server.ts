/**
 * Servers with one account for every plugin that they can authenticate with, and for every shape of password.
 *
 * @module
 */

import { findInstallations, type Installation, type Kind, majorVersion } from "./installation.ts";
import { pluginFolder } from "./launch.ts";
import { holdTempDir } from "./leash.ts";
import { Server, type ServerTls } from "./server.ts";
import { sharedServer } from "./servers.ts";
import { query } from "./sql.ts";
import type { Account } from "./users.ts";

/** An account whose log-in is under test. */
export interface AuthenticationAccount extends Account {
  /** The plugins that the server asks the client for, in their order: several factors, or a second try. */
  readonly clientPlugins: readonly [string, ...string[]];
  /** What a client says to each password that it is asked for, and to each question. `password` is the first of them. */
  readonly answers: readonly string[];
  /** What of a server it needs beyond the server itself. */
  readonly needs: readonly Need[];
  /** Whether the server refuses it without TLS. */
  readonly requireTls: boolean;
  /** `CREATE USER` after the name. */
  readonly sql: string;
}

/** The shared objects that the plugins of an account are in, or what else must be there. */
export type Need = "auth_ed25519" | "auth_mysql_sha2" | "auth_pam_v1" | "auth_parsec" | "auth_test_plugin" | "dialog";

/** In MySQL's test suite the plugin that asks questions is called otherwise. */
const LIBRARIES: Readonly<Record<Kind, Readonly<Record<Need, string>>>> = {
  mariadb: {
    auth_ed25519: "auth_ed25519",
    auth_mysql_sha2: "auth_mysql_sha2",
    auth_pam_v1: "auth_pam_v1",
    auth_parsec: "auth_parsec",
    auth_test_plugin: "auth_test_plugin",
    dialog: "dialog_examples",
  },
  mysql: {
    auth_ed25519: "",
    auth_mysql_sha2: "",
    auth_pam_v1: "",
    auth_parsec: "",
    auth_test_plugin: "auth_test_plugin",
    dialog: "auth",
  },
};

const LONG = "a rather long password, ".repeat(6) + "ü";
const MEDIUM = "more than twenty characters";
const FOREIGN = "Пароль-ä€😀";
/** How the PAM service of the tests is called. */
const PAM_SERVICE = "mysql_proxy_test";

interface Shape {
  readonly clientPlugin: string;
  readonly needs: readonly Need[];
  readonly sql: (password: string) => string;
}

function passwords(prefix: string, plugin: string, { clientPlugin, needs, sql }: Shape): AuthenticationAccount[] {
  const one = (suffix: string, password: string, requireTls = false): AuthenticationAccount => ({
    user: prefix + suffix,
    password,
    plugin,
    clientPlugins: [clientPlugin],
    answers: [password],
    needs,
    requireTls,
    sql: sql(password) + (requireTls ? " REQUIRE SSL" : ""),
  });
  return [
    one("", `${prefix}-secret`),
    one("_empty", ""),
    one("_medium", MEDIUM),
    one("_long", LONG),
    one("_foreign", FOREIGN),
    one("_tls", `${prefix}-secret`, true),
  ];
}

function identifiedWith(plugin: string): Shape {
  return { clientPlugin: plugin, needs: [], sql: (password) => `IDENTIFIED WITH ${plugin} BY '${password}'` };
}

function identifiedVia(plugin: string, clientPlugin: string, ...needs: Need[]): Shape {
  return { clientPlugin, needs, sql: (password) => `IDENTIFIED VIA ${plugin} USING PASSWORD('${password}')` };
}

function special(
  user: string,
  plugin: string,
  clientPlugins: readonly [string, ...string[]],
  answers: readonly [string, ...string[]],
  needs: readonly Need[],
  sql: string,
): AuthenticationAccount {
  return { user, password: answers[0], plugin, clientPlugins, answers, needs, requireTls: false, sql };
}

/** All accounts, by kind of server. */
export const AUTHENTICATION_ACCOUNTS: Readonly<Record<Kind, readonly AuthenticationAccount[]>> = {
  mysql: [
    ...passwords("sha2", "caching_sha2_password", identifiedWith("caching_sha2_password")),
    ...passwords("sha256", "sha256_password", identifiedWith("sha256_password")),
    special(
      "clear",
      "cleartext_plugin_server",
      ["mysql_clear_password"],
      ["clear-secret"],
      ["auth_test_plugin"],
      "IDENTIFIED WITH cleartext_plugin_server AS 'clear-secret'",
    ),
    special(
      "two_factors",
      "caching_sha2_password + cleartext_plugin_server",
      ["caching_sha2_password", "mysql_clear_password"],
      ["first-factor", "second-factor"],
      ["auth_test_plugin"],
      "IDENTIFIED WITH caching_sha2_password BY 'first-factor' AND IDENTIFIED WITH cleartext_plugin_server AS 'second-factor'",
    ),
    special(
      "three_factors",
      "sha256_password + cleartext_plugin_server + three_attempts",
      ["sha256_password", "mysql_clear_password", "dialog"],
      ["first-factor", "second-factor", "wrong", "third-factor"],
      ["auth_test_plugin", "dialog"],
      "IDENTIFIED WITH sha256_password BY 'first-factor' AND IDENTIFIED WITH cleartext_plugin_server AS 'second-factor' " +
        "AND IDENTIFIED WITH three_attempts AS 'third-factor'",
    ),
    special(
      "questions",
      "two_questions",
      ["dialog"],
      ["questions-secret", "yes, of course"],
      ["dialog"],
      "IDENTIFIED WITH two_questions AS 'questions-secret'",
    ),
    special(
      "attempts",
      "three_attempts",
      ["dialog"],
      ["wrong", "wrong again", "attempts-secret"],
      ["dialog"],
      "IDENTIFIED WITH three_attempts AS 'attempts-secret'",
    ),
  ],
  mariadb: [
    ...passwords("native", "mysql_native_password", identifiedVia("mysql_native_password", "mysql_native_password")),
    ...passwords("ed25519", "ed25519", identifiedVia("ed25519", "client_ed25519", "auth_ed25519")),
    ...passwords("parsec", "parsec", identifiedVia("parsec", "parsec", "auth_parsec")),
    ...passwords(
      "sha2",
      "caching_sha2_password",
      identifiedVia("caching_sha2_password", "caching_sha2_password", "auth_mysql_sha2"),
    ),
    special(
      "either",
      "ed25519 or mysql_native_password",
      ["client_ed25519", "mysql_native_password"],
      ["either-secret", "either-secret"],
      ["auth_ed25519"],
      "IDENTIFIED VIA ed25519 USING PASSWORD('another') OR mysql_native_password USING PASSWORD('either-secret')",
    ),
    special(
      "clear",
      "cleartext_plugin_server",
      ["mysql_clear_password"],
      ["clear-secret"],
      ["auth_test_plugin"],
      "IDENTIFIED VIA cleartext_plugin_server USING 'clear-secret'",
    ),
    special(
      "questions",
      "two_questions",
      ["dialog"],
      ["questions-secret", "yes, of course"],
      ["dialog"],
      "IDENTIFIED VIA two_questions USING 'questions-secret'",
    ),
    special(
      "attempts",
      "three_attempts",
      ["dialog"],
      ["wrong", "wrong again", "attempts-secret"],
      ["dialog"],
      "IDENTIFIED VIA three_attempts USING 'attempts-secret'",
    ),
    special(
      "pam",
      "pam",
      ["dialog"],
      ["pam-secret"],
      ["auth_pam_v1"],
      `IDENTIFIED VIA pam USING '${PAM_SERVICE}'`,
    ),
  ],
};

/** A server with accounts, and the accounts that it cannot have. */
export interface AuthenticationServer {
  readonly server: Server;
  readonly accounts: readonly AuthenticationAccount[];
  readonly missing: readonly AuthenticationAccount[];
}

/** The installations to test log-ins with: each kind as it is found first, and the newest of it. */
export function authenticationInstallations(): readonly Installation[] {
  return [...findInstallations("mysql"), ...findInstallations("mariadb")];
}

/** The accounts of a server of `installation`, and those that it lacks a plugin for. Known without starting it. */
export function accountsOf(
  installation: Installation,
): { readonly accounts: readonly AuthenticationAccount[]; readonly missing: readonly AuthenticationAccount[] } {
  const { kind } = installation;
  const plugins = pluginFolder(installation) ?? "/usr/lib/mysql/plugin";
  // MariaDB 10.11 takes ed25519 without a password for no password at all, and then lets nobody in.
  const isPossible = ({ user }: Account): boolean => user !== "ed25519_empty" || majorVersion(installation) >= 11;
  const isThere = (need: Need): boolean => {
    if (need === "auth_pam_v1" && !canMount()) return false;
    try {
      return Deno.statSync(`${plugins}/${LIBRARIES[kind][need]}.so`).isFile;
    } catch {
      return false;
    }
  };
  const all = AUTHENTICATION_ACCOUNTS[kind];
  const accounts = all.filter((account) => isPossible(account) && account.needs.every(isThere));
  return { accounts, missing: all.filter((account) => !accounts.includes(account)) };
}

let mountable: boolean | undefined;

/** Whether a process can be given a view of the file system of its own. */
function canMount(): boolean {
  if (mountable === undefined) {
    try {
      mountable = new Deno.Command("unshare", {
        args: ["--mount", "mount", "--bind", "/tmp", "/etc/pam.d"],
        stdout: "null",
        stderr: "null",
      }).outputSync().success;
    } catch {
      mountable = false;
    }
  }
  return mountable;
}

/**
 * The words that start a server which sees a PAM service of the tests. PAM reads its services from /etc/pam.d alone, which
 * is left as it is: only that server sees another folder in its place.
 */
async function pamWrapper(): Promise<string[]> {
  const folder = await holdTempDir("pam");
  const script = `${folder}/check`;
  await Deno.writeTextFile(script, `#!/bin/sh\n[ "$(tr -d '\\000')" = pam-secret ]\n`, { mode: 0o755 });
  const service = `auth required pam_exec.so quiet expose_authtok ${script}\naccount required pam_permit.so\n`;
  await Deno.mkdir(`${folder}/pam.d`);
  await Deno.writeTextFile(`${folder}/pam.d/${PAM_SERVICE}`, service);
  const inner = `mount --make-rprivate / && mount --bind "$0" /etc/pam.d && exec "$@"`;
  return ["unshare", "--mount", "sh", "-c", inner, `${folder}/pam.d`];
}

/** How to start a server with accounts. */
export interface AuthenticationServerOptions {
  readonly tls?: ServerTls;
  readonly args?: readonly string[];
}

/** Starts a server of the caller's own with all accounts that it can have. The caller must call `server.stop()`. */
export async function startAuthenticationServer(
  installation: Installation,
  options: AuthenticationServerOptions = {},
): Promise<AuthenticationServer> {
  const { kind } = installation;
  const { accounts, missing } = accountsOf(installation);
  const needs = new Set(accounts.flatMap((account) => account.needs));
  const shared = await sharedServer(kind);
  const isSame = !("missing" in shared) && shared.server.version === installation.version;
  const server = await Server.start(installation, {
    ...(isSame ? { template: shared.template } : {}),
    ...(options.tls === undefined ? {} : { tls: options.tls }),
    ...(needs.has("auth_pam_v1") ? { wrapper: await pamWrapper() } : {}),
    args: [
      ...[...needs].map((need) => `--plugin-load-add=${LIBRARIES[kind][need]}.so`),
      // The plugins of the test suite count as unknown.
      ...(kind === "mariadb" ? ["--plugin-maturity=unknown"] : []),
      ...options.args ?? [],
    ],
  });
  try {
    await query(
      server,
      ...accounts.flatMap(({ user, sql }) => [
        `DROP USER IF EXISTS '${user}'@'%'`,
        `CREATE USER '${user}'@'%' ${sql}`,
        `GRANT SELECT, INSERT, CREATE, DROP ON *.* TO '${user}'@'%'`,
      ]),
    );
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { server, accounts, missing };
}

/** Makes a server forget the passwords that caching_sha2_password has seen: the next log-in is a full one. */
export async function forgetPasswords(server: { readonly port: number }): Promise<void> {
  await query(server, "FLUSH PRIVILEGES");
}

/** Whether a server of `installation` offers TLS by itself. */
export function hasAutomaticTls(installation: Installation): boolean {
  return installation.kind === "mysql" || majorVersion(installation) >= 12 ||
    /^11\.([4-9]|\d\d)\./.test(installation.version);
}

/**
 * The accounts that every test server has, as SQL for its `--init-file` (one statement a line).
 *
 * @module
 */

import type { Kind } from "./installation.ts";

/** An account of the test servers and how it logs in. */
export interface Account {
  readonly user: string;
  readonly password: string;
  /** The authentication plugin of the server that checks it. */
  readonly plugin: string;
}

/** `root` without a password, from this machine. */
export const ROOT: Account = { user: "root", password: "", plugin: "" };

/** The account for ordinary work, with the server's default plugin and all privileges. */
export const APP: Account = { user: "app", password: "app-secret", plugin: "" };

/** The accounts whose log-in is the thing under test, by kind of server. */
export const ACCOUNTS: Readonly<Record<Kind, readonly Account[]>> = {
  // MySQL 9 has no mysql_native_password any more; MariaDB 10.11 has no caching_sha2_password yet.
  mariadb: [
    { user: "native", password: "native-secret", plugin: "mysql_native_password" },
    { user: "native_empty", password: "", plugin: "mysql_native_password" },
    { user: "ed25519", password: "ed25519-secret", plugin: "ed25519" },
  ],
  mysql: [
    { user: "sha2", password: "sha2-secret", plugin: "caching_sha2_password" },
    { user: "sha2_empty", password: "", plugin: "caching_sha2_password" },
    { user: "sha2_long", password: "sha2-secret ".repeat(12) + "ü", plugin: "caching_sha2_password" },
  ],
};

function createUser(kind: Kind, { user, password, plugin }: Account): string {
  const name = `CREATE USER IF NOT EXISTS '${user}'@'%'`;
  if (plugin === "") return `${name} IDENTIFIED BY '${password}';`;
  return kind === "mariadb"
    ? `${name} IDENTIFIED VIA ${plugin} USING PASSWORD('${password}');`
    : `${name} IDENTIFIED WITH ${plugin} BY '${password}';`;
}

/** The statements that create all accounts on a new server of `kind`. They leave no trace in its binary log. */
export function createAccounts(kind: Kind): string {
  const lines = ["SET SESSION sql_log_bin = 0;"];
  if (kind === "mariadb") lines.push("INSTALL PLUGIN IF NOT EXISTS ed25519 SONAME 'auth_ed25519';");
  for (const host of ["localhost", "127.0.0.1", "::1"]) {
    lines.push(`CREATE USER IF NOT EXISTS 'root'@'${host}';`);
    lines.push(`GRANT ALL ON *.* TO 'root'@'${host}' WITH GRANT OPTION;`);
  }
  for (const account of [APP, ...ACCOUNTS[kind]]) {
    lines.push(createUser(kind, account), `GRANT ALL ON *.* TO '${account.user}'@'%';`);
  }
  return lines.join("\n") + "\n";
}

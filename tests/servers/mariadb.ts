/**
 * What only MariaDB needs: its data folder is made by feeding the SQL files of the installation to a bootstrap run.
 *
 * @module
 */

import type { Installation } from "./installation.ts";
import { serverCommand } from "./launch.ts";

/** Options of a running MariaDB test server. */
export function mariadbOptions(): string[] {
  return ["--log-bin=binlog", "--innodb-log-file-size=64M", "--skip-name-resolve"];
}

/** The SQL files for a new data folder are named `mysql_*` up to 10.x and `mariadb_*` after. */
function readSystemTables({ server, folder }: Installation): string {
  const bases = folder === undefined ? [server.replace(/\/s?bin\/[^/]+$/, ""), "/usr"] : [`${folder}/usr`, folder];
  for (const base of bases) {
    for (const share of ["mariadb", "mysql", ""].map((name) => `${base}/share/${name}`)) {
      for (const brand of ["mariadb", "mysql"]) {
        const files = ["system_tables", "system_tables_data", "performance_tables"]
          .map((name) => `${share}/${brand}_${name}.sql`);
        try {
          return files.map((path) => Deno.readTextFileSync(path)).join("\n");
        } catch (error) {
          if (!(error instanceof Deno.errors.NotFound)) throw error;
        }
      }
    }
  }
  throw new Error(`Cannot find the SQL files of ${server} for a new data folder`);
}

/** Makes `folder/data`. */
export async function makeMariadbTemplate(installation: Installation, folder: string): Promise<void> {
  const [program, ...before] = serverCommand(installation);
  await Deno.mkdir(`${folder}/data`);
  const child = new Deno.Command(program, {
    args: [
      ...before,
      `--datadir=${folder}/data`,
      "--bootstrap",
      "--innodb-log-file-size=64M",
      "--innodb-flush-log-at-trx-commit=0",
      "--innodb-doublewrite=0",
    ],
    stdin: "piped",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const start = "CREATE DATABASE mysql;\nUSE mysql;\nSET @auth_root_socket = NULL;\n";
  const sql = new Blob([start, readSystemTables(installation)]);
  const [output] = await Promise.all([child.output(), sql.stream().pipeTo(child.stdin)]);
  if (!output.success) {
    throw new Error(`Cannot make a data folder for MariaDB: ${new TextDecoder().decode(output.stderr).slice(-2000)}`);
  }
}

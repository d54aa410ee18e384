/**
 * What only MySQL needs.
 *
 * @module
 */

import type { Installation } from "./installation.ts";
import { serverCommand } from "./launch.ts";

/** Options of a running MySQL test server. The X plugin would want a port of its own. */
export function mysqlOptions(): string[] {
  return ["--mysqlx=OFF", "--log-bin=binlog", "--gtid-mode=ON", "--enforce-gtid-consistency=ON", "--skip-name-resolve"];
}

/** Makes `folder/data`. */
export async function makeMysqlTemplate(installation: Installation, folder: string): Promise<void> {
  const [program, ...before] = serverCommand(installation);
  const output = await new Deno.Command(program, {
    args: [
      ...before,
      `--datadir=${folder}/data`,
      "--initialize-insecure",
      "--skip-log-bin",
      "--innodb-flush-log-at-trx-commit=0",
      "--innodb-doublewrite=0",
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!output.success) {
    throw new Error(`Cannot make a data folder for MySQL: ${new TextDecoder().decode(output.stderr).slice(-2000)}`);
  }
  // Every server needs a UUID of its own.
  await Deno.remove(`${folder}/data/auto.cnf`);
}

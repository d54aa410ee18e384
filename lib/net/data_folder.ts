/**
 * The folder in which the program keeps what it makes itself.
 *
 * @module
 */
import { isAbsolute, join } from "node:path";

const NAME = "mysql-proxy";

/**
 * Tells the data folder; it need not be there yet.
 *
 * @param option the value of `--data-dir`, which wins over everything.
 * @returns where the XDG base directory specification (Linux and others), macOS or Windows puts the user's data;
 *   `undefined` if the environment does not tell or must not be read. Never asks for a permission.
 */
export function dataFolder(option: string | undefined): string | undefined {
  if (option !== undefined) return option;
  switch (Deno.build.os) {
    case "windows":
      return below(folderIn("LOCALAPPDATA"));
    case "darwin":
      return below(folderIn("HOME"), "Library", "Application Support");
    default:
      return below(folderIn("XDG_DATA_HOME")) ?? below(folderIn("HOME"), ".local", "share");
  }
}

/** The value of an environment variable, if it is an absolute path: XDG says to ignore others. */
function folderIn(variable: string): string | undefined {
  if (Deno.permissions.querySync({ name: "env", variable }).state !== "granted") return undefined;
  const path = Deno.env.get(variable);
  return path !== undefined && isAbsolute(path) ? path : undefined;
}

function below(base: string | undefined, ...folders: string[]): string | undefined {
  return base === undefined ? undefined : join(base, ...folders, NAME);
}

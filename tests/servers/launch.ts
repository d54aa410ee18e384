/**
 * The words that start a server's program wherever its installation lies.
 *
 * @module
 */

import { type CommandLine, commandLine, type Installation } from "./installation.ts";

function isThere(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

/** The plugins of an unpacked or relocated installation, the ones that clients load included. */
export function pluginFolder({ folder }: Installation): string | undefined {
  if (folder === undefined) return undefined;
  return ["usr/lib/mysql/plugin", "lib/mysql/plugin", "lib/plugin"].map((path) => `${folder}/${path}`).find(isThere);
}

/** The options that make a program of an unpacked or relocated installation find its own files. */
function folderOptions(installation: Installation): string[] {
  const { folder } = installation;
  if (folder === undefined) return [];
  for (const base of [`${folder}/usr`, folder]) {
    const share = ["mysql", "mariadb", ""].map((name) => `${base}/share/${name}`)
      .find((path) => isThere(`${path}/english/errmsg.sys`));
    if (share === undefined) continue;
    const plugins = pluginFolder(installation);
    return [`--basedir=${base}`, `--lc-messages-dir=${share}`, ...(plugins ? [`--plugin-dir=${plugins}`] : [])];
  }
  return [];
}

/** The words that start the server of `installation`, up to the options that every start of it needs. */
export function serverCommand(installation: Installation): CommandLine {
  return [
    ...commandLine(installation.server, installation.folder),
    "--no-defaults",
    // It refuses to be root unless told so.
    ...(Deno.uid() === 0 ? ["--user=root"] : []),
    ...folderOptions(installation),
  ];
}

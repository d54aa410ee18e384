/**
 * The base directory: where the program's own files are, and where relative paths in options start.
 *
 * @module
 */
import { dirname, isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { ChassisError } from "./chassis_error.ts";

/** The folder of the program itself and the one against which relative paths are resolved. */
export interface BaseDirectories {
  /** `--basedir`, else the program's folder. Holds `lib/mysql-proxy/plugins`. */
  readonly program: () => string;
  /** `--basedir`, else the current directory: a person who types `--log-file=x.log` means the file here. */
  readonly paths: () => string;
}

/**
 * Decides on both directories. Nothing is looked up before it is needed, so that `--help` needs no permission.
 *
 * @param given the value of `--basedir`.
 * @throws {ChassisError} if it is not absolute.
 */
export function baseDirectories(given: string | undefined): BaseDirectories {
  if (given === undefined) return { program: programDirectory, paths: () => Deno.cwd() };
  if (!isAbsolute(given)) {
    throw new ChassisError("usage", `Option "--basedir" must be an absolute path, got "${given}"`);
  }
  return { program: () => given, paths: () => given };
}

/** The parent of the folder of the executable if the program is compiled, else the root of the source tree. */
export function programDirectory(): string {
  if (Deno.build.standalone) return dirname(dirname(Deno.execPath()));
  return fileURLToPath(new URL("../../", import.meta.url));
}

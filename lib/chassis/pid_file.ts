/**
 * The file that tells others the process id of the running program.
 *
 * @module
 */
import { ChassisError, reasonOf } from "./chassis_error.ts";

const PID_FILE_MODE = 0o600;

/**
 * Writes the process id in decimal, without a newline, as the original does (spec section 1.2).
 *
 * @returns a function that removes the file, unless another process has written its own id meanwhile.
 * @throws {ChassisError} if the file cannot be written.
 */
export async function writePidFile(path: string): Promise<() => Promise<void>> {
  const pid = String(Deno.pid);
  try {
    await Deno.writeTextFile(path, pid, { mode: PID_FILE_MODE });
    // The mode above counts only for a new file.
    if (Deno.build.os !== "windows") await Deno.chmod(path, PID_FILE_MODE);
  } catch (error) {
    throw new ChassisError("file", `Cannot write pid-file "${path}": ${reasonOf(error)}`, { cause: error });
  }
  return async () => {
    try {
      if (await Deno.readTextFile(path) === pid) await Deno.remove(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw new ChassisError("file", `Cannot remove pid-file "${path}": ${reasonOf(error)}`, { cause: error });
    }
  };
}

/**
 * Where log lines go: stderr, or a file that can be opened anew after someone has moved it away.
 *
 * Writing is synchronous: a record is in the file when the call returns, also right before an exit.
 *
 * @module
 */
import { ChassisError, reasonOf } from "./chassis_error.ts";

const LOG_FILE_MODE = 0o660;

/** Takes finished lines. */
export interface LogDestination {
  write(lines: string): void;
  /** Opens the file anew; whoever moved it away gets no more lines. */
  reopen(): void;
  close(): void;
}

const encoder = new TextEncoder();

function writeAll(file: { writeSync(bytes: Uint8Array): number }, lines: string): void {
  let bytes = encoder.encode(lines);
  while (bytes.length > 0) bytes = bytes.subarray(file.writeSync(bytes));
}

/** Writes to stderr. Nobody can be told when that fails, so it fails silently. */
export const STDERR: LogDestination = {
  write(lines) {
    try {
      writeAll(Deno.stderr, lines);
    } catch {
      // A closed or full stderr must not take the program down.
    }
  },
  reopen() {},
  close() {},
};

/**
 * Appends to the file at `path`, which is created if need be. Lines that cannot be written go to stderr.
 *
 * @throws {ChassisError} if the file cannot be opened.
 */
export function openLogFile(path: string): LogDestination {
  const open = () => Deno.openSync(path, { append: true, create: true, mode: LOG_FILE_MODE });
  let file: Deno.FsFile;
  try {
    file = open();
  } catch (error) {
    throw new ChassisError("file", `Cannot open log file "${path}": ${reasonOf(error)}`, { cause: error });
  }
  return {
    write(lines) {
      try {
        writeAll(file, lines);
      } catch {
        STDERR.write(lines);
      }
    },
    reopen() {
      const old = file;
      file = open();
      old.close();
    },
    close() {
      file.close();
    },
  };
}

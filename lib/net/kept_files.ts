/**
 * Things that the program makes once and keeps in files, such as its own certificate.
 *
 * Files that belong together are always those of one making: who makes them holds a lock and looks again first, and every
 * file appears complete, by a rename. Who reads in the middle of that finds files that do not fit, and then waits for the
 * lock as well. The system lets go of the lock when a process dies.
 *
 * @module
 */
import { join } from "node:path";
import type { Log } from "../plugin/mod.ts";
import { NetError } from "./net_error.ts";

/** A file to write. */
export interface NewFile {
  readonly name: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** Something that is kept in files of one folder. */
export interface Keeping<Value> {
  /**
   * Reads it.
   *
   * @returns `undefined` if no file is there yet.
   * @throws {NetError} if the files are there but useless; the message tells why.
   */
  read(folder: string): Promise<Value | undefined>;
  make(): Promise<Value>;
  /** What to write, in this order. */
  files(value: Value): readonly NewFile[];
}

/** The thing, and the folder that it is kept in; `undefined` if it is forgotten at the end. */
export interface Kept<Value> {
  readonly value: Value;
  readonly folder: string | undefined;
}

const LOCK = ".lock";
/** Nobody else may look into the folder, as XDG has it for folders that are missing. */
const FOLDER_MODE = 0o700;

/** Programs that know already that nothing can be kept. */
const warned = new WeakSet<Log>();

/**
 * Reads something from the data folder, or makes it and keeps it there. What is useless is made anew, and the old files
 * stay beside it with `.old` behind their names.
 *
 * Where nothing can be kept it is made all the same, and the log says so, once.
 *
 * @param folder from {@linkcode dataFolder}; it is made when it is missing.
 */
export async function keep<Value>(
  folder: string | undefined,
  keeping: Keeping<Value>,
  log: Log,
): Promise<Kept<Value>> {
  try {
    return { value: await readOrMake(folder, keeping, log), folder };
  } catch (error) {
    if (!warned.has(log)) {
      warned.add(log);
      log.write(
        // Who takes the permission away knows what he does, as the demo does.
        error instanceof NotPermitted ? "info" : "warning",
        `Certificate and keys of the program's own making are for this run only: ${
          reasonOf(error)
        }; name a folder to keep them in with "--data-dir"`,
      );
    }
    return { value: await keeping.make(), folder: undefined };
  }
}

async function readOrMake<Value>(folder: string | undefined, keeping: Keeping<Value>, log: Log): Promise<Value> {
  if (folder === undefined) throw new Error("there is no data folder");
  demand("read", folder);
  const found = await tryRead(folder, keeping);
  if (found.kind === "good") return found.value;

  demand("write", folder);
  await Deno.mkdir(folder, { recursive: true, mode: FOLDER_MODE });
  using lock = await Deno.open(join(folder, LOCK), { create: true, write: true, mode: 0o600 });
  await lock.lock(true);
  const again = await tryRead(folder, keeping);
  if (again.kind === "good") return again.value;
  const value = await keeping.make();
  const files = keeping.files(value);
  if (again.kind === "useless") {
    log.write("warning", `${again.why}; making a new one, the old one stays with ".old" behind its name`);
    for (const { name } of files) await moveAway(join(folder, name));
  }
  for (const file of files) await put(folder, file);
  return value;
}

type Found<Value> =
  | { readonly kind: "good"; readonly value: Value }
  | { readonly kind: "none" }
  | { readonly kind: "useless"; readonly why: string };

async function tryRead<Value>(folder: string, keeping: Keeping<Value>): Promise<Found<Value>> {
  try {
    const value = await keeping.read(folder);
    return value === undefined ? { kind: "none" } : { kind: "good", value };
  } catch (error) {
    if (error instanceof NetError) return { kind: "useless", why: error.message };
    throw error;
  }
}

class NotPermitted extends Error {}

/** Fails where Deno would ask the user, or refuse. */
function demand(name: "read" | "write", path: string): void {
  if (Deno.permissions.querySync({ name, path }).state !== "granted") {
    throw new NotPermitted(`the program is not permitted to ${name} "${path}"`);
  }
}

async function moveAway(path: string): Promise<void> {
  try {
    await Deno.rename(path, `${path}.old`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** Writes a file so that it is there completely or not at all. The lock must be held. */
async function put(folder: string, { name, text, mode }: NewFile): Promise<void> {
  const path = join(folder, `${name}.new`);
  // One that a dead process left could have other permissions.
  await Deno.remove(path).catch(() => {});
  using file = await Deno.open(path, { createNew: true, write: true, mode });
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += await file.write(bytes.subarray(written));
  await file.sync();
  await Deno.rename(path, join(folder, name));
}

/**
 * The text of a kept file.
 *
 * @returns `undefined` if it is not there.
 */
export async function readKept(folder: string, name: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(join(folder, name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * The file of a script: where it is, and when its text can be trusted to be complete.
 *
 * @module
 */
import { dirname } from "node:path";
import { ScriptFileError } from "./script_error.ts";

/** The scripts that come with the program. */
const SHIPPED = new URL("../mysql-proxy/lua/", import.meta.url);
/** How long a file must have been left alone before it is read again. */
const QUIET_MS = 100;

/** What tells one version of a file from another. */
interface Stamp {
  readonly size: number;
  readonly modified: number;
  /** Another file may have the same size and time, as those of a deployment often do. */
  readonly inode: number | null;
}

/** The text of a script, and what it is called in messages. */
export interface ScriptSource {
  readonly bytes: Uint8Array;
  /** The file's path, as Lua's messages have it. */
  readonly chunkName: string;
}

function isFile(path: string | URL): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A shipped script of that name, with or without `.lua`. */
function shippedScript(name: string): URL | undefined {
  if (name.includes("..") || name.startsWith("/")) return undefined;
  const candidates = [name, `${name}.lua`, `tutorial/${name}`, `tutorial/${name}.lua`];
  return candidates.map((path) => new URL(path, SHIPPED)).find(isFile);
}

/** The path of a `file:` URL, for messages. */
function pathOf(location: string | URL): string {
  return typeof location === "string" ? location : decodeURIComponent(location.pathname);
}

/** A script's file. */
export class ScriptFile {
  readonly #location: string | URL;
  /** The file's path. */
  readonly path: string;
  #stamp: Stamp | undefined;

  /**
   * @param script A path, or the name of a shipped script.
   * @throws {ScriptFileError} `not-found`
   */
  constructor(script: string) {
    const location = isFile(script) ? script : shippedScript(script);
    if (location === undefined) {
      throw new ScriptFileError(
        "not-found",
        `Cannot find the script "${script}": no such file, and no script of this name comes with the program`,
      );
    }
    this.#location = location;
    this.path = pathOf(location);
  }

  /** The folder that the file is in; `undefined` for one that is part of the program. */
  get folder(): string | undefined {
    return typeof this.#location === "string" ? dirname(this.#location) : undefined;
  }

  /**
   * Reads the file as it is now.
   *
   * @throws {ScriptFileError} `unreadable`
   */
  read(): ScriptSource {
    try {
      this.#stamp = this.#look();
      return { bytes: Deno.readFileSync(this.#location), chunkName: this.path };
    } catch (cause) {
      throw new ScriptFileError("unreadable", `Cannot read the script "${this.path}"`, { cause });
    }
  }

  /**
   * Reads the file again if it is another version than the one read last.
   *
   * @returns undefined if it is not.
   * @throws {ScriptFileError} `unfinished` if it is empty or still changes, `unreadable`
   */
  async reread(): Promise<ScriptSource | undefined> {
    const before = this.#lookAgain();
    if (same(before, this.#stamp)) return undefined;
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS));
    const after = this.#lookAgain();
    if (after.size === 0 || !same(before, after)) throw this.#unfinished();
    const source = this.read();
    if (source.bytes.length !== after.size || !same(this.#lookAgain(), after)) {
      this.#stamp = undefined;
      throw this.#unfinished();
    }
    return source;
  }

  #unfinished(): ScriptFileError {
    return new ScriptFileError("unfinished", `The script "${this.path}" is empty or still being written`);
  }

  #look(): Stamp {
    const { size, mtime, ino } = Deno.statSync(this.#location);
    return { size, modified: mtime?.getTime() ?? 0, inode: ino };
  }

  #lookAgain(): Stamp {
    try {
      return this.#look();
    } catch (cause) {
      throw new ScriptFileError("unreadable", `Cannot read the script "${this.path}"`, { cause });
    }
  }
}

function same(a: Stamp | undefined, b: Stamp | undefined): boolean {
  return a !== undefined && b !== undefined && a.size === b.size && a.modified === b.modified && a.inode === b.inode;
}

/** The Lua source of a module that comes with the program, by the name that `require` is given. */
export function shippedModule(name: string): { source: Uint8Array; chunkName: string } | undefined {
  if (!/^[\w-]+(\.[\w-]+)*$/.test(name)) return undefined;
  const location = new URL(`${name.replaceAll(".", "/")}.lua`, SHIPPED);
  try {
    return { source: Deno.readFileSync(location), chunkName: `@${pathOf(location)}` };
  } catch {
    return undefined;
  }
}

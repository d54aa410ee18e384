/**
 * wasmoon's build of Lua 5.4, instantiated without wasmoon's own JavaScript.
 *
 * That JavaScript converts strings wrongly for binary data, takes a Deno worker for a browser, and looks at the environment.
 * The wasm file needs no more than 27 imports, so they are given to it here: longjmp and memory below, the host's files and
 * clock by {@linkcode ./host_files.ts} and {@linkcode ./host_clock.ts}. Facts about the file, such as the one byte that is
 * changed in {@linkcode LuaWasm.open}, hold for this very build: hence the checksum.
 *
 * @module
 */
import { cutFractions } from "./dialect/fractions.ts";
import { hostClock } from "./host_clock.ts";
import { hostFiles, type Streams } from "./host_files.ts";
import { Heap } from "./heap.ts";
import type { FunctionPointer, LuaApi, Pointer } from "./lua_api.ts";
import { LuaError } from "./lua_error.ts";
import type { Imports } from "./wasm_imports.ts";

const VERSION = "1.16.0";
const SHA256 = "95f3f19ddb740125883bc41d5ec670cd0828e7b58c8bdad385323cbff497b55c";

/** More than this the file does not take (its maximum, 2 GiB). */
export const MEMORY_MAXIMUM = 2 ** 31;
const PAGE = 65536;

/** The exports that are the C runtime's, besides those of Lua. */
interface Runtime extends LuaApi {
  readonly memory: WebAssembly.Memory;
  readonly __indirect_function_table: WebAssembly.Table;
  __wasm_call_ctors(): void;
  emscripten_stack_init(): void;
  setThrew(threw: number, value: number): void;
  stackSave(): Pointer;
  stackRestore(p: Pointer): void;
}

function isRuntime(exports: unknown): exports is Runtime {
  return typeof exports === "object" && exports !== null && "lua_resume" in exports && "memory" in exports;
}

type Callback = (...args: number[]) => unknown;

function isCallback(value: unknown): value is Callback {
  return typeof value === "function";
}

function callback(value: unknown): Callback {
  if (!isCallback(value)) throw new LuaError("engine", "Lua calls a function that does not exist");
  return value;
}

/** What the module may do to the host. */
export interface WasmOptions extends Streams {
  /** Bytes that the wasm memory may have at most; 16 MiB are there from the start. */
  readonly memoryLimit?: number;
}

/**
 * Never called: only for a package that is imported somewhere, `import.meta.resolve` finds a file, and a compiled program
 * contains it.
 */
export const wasmoon = () => import("wasmoon");

/**
 * The pinned module, compiled: once per program, workers get it by `postMessage`.
 *
 * @throws {LuaError} if the file is missing or another one.
 */
export async function compile(): Promise<WebAssembly.Module> {
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = await Deno.readFile(new URL(import.meta.resolve("wasmoon/dist/glue.wasm")));
  } catch (cause) {
    throw new LuaError("engine", `Cannot read "glue.wasm" of wasmoon ${VERSION}: install the npm package`, "", {
      cause,
    });
  }
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (hex(digest) !== SHA256) {
    throw new LuaError("engine", `"glue.wasm" is not the one of wasmoon ${VERSION}: install exactly this version`);
  }
  if (!cutFractions(bytes)) throw new LuaError("engine", `"glue.wasm" is not the one of wasmoon ${VERSION}`);
  return await WebAssembly.compile(bytes);
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What the memory tells of its growth. */
interface MemoryEvents {
  /** Memory was refused. */
  starved: boolean;
  grown: ((size: number) => void) | undefined;
}

/** One instance of the module with a memory of its own. */
export class LuaWasm {
  readonly api: Runtime;
  readonly heap: Heap;
  /** Bytes that the memory may have at most. */
  readonly memoryLimit: number;
  readonly #events: MemoryEvents;

  private constructor(api: Runtime, heap: Heap, memoryLimit: number, events: MemoryEvents) {
    this.api = api;
    this.heap = heap;
    this.memoryLimit = memoryLimit;
    this.#events = events;
  }

  /** Has `grown` called when the memory has grown to so many bytes; nothing may be allocated in there. */
  set onGrown(grown: ((size: number) => void) | undefined) {
    this.#events.grown = grown;
  }

  /** Whether memory was refused since this was asked last. */
  takeStarved(): boolean {
    const { starved } = this.#events;
    this.#events.starved = false;
    return starved;
  }

  /** @throws {LuaError} if the module is not the pinned one. */
  static async open(module: WebAssembly.Module, options: WasmOptions): Promise<LuaWasm> {
    const limit = Math.min(options.memoryLimit ?? MEMORY_MAXIMUM, MEMORY_MAXIMUM);
    let runtime: Runtime | undefined = undefined;
    const running = (): Runtime => {
      if (runtime === undefined) throw new LuaError("engine", "Lua is not started yet");
      return runtime;
    };
    const heap = new Heap(() => running().memory);
    const table: Callback[] = [];
    const events: MemoryEvents = { starved: false, grown: undefined };
    const imports: Imports = { env: {}, wasi_snapshot_preview1: {} };
    Object.assign(imports.env, {
      // setjmp(): Lua runs every protected call through this, and longjmp() comes back to it as the exception Infinity.
      invoke_vii(f: number, a: number, b: number): void {
        const { stackSave, stackRestore, setThrew } = running();
        const sp = stackSave();
        try {
          (table[f] ??= callback(running().__indirect_function_table.get(f)))(a, b);
        } catch (error) {
          stackRestore(sp);
          if (error !== Infinity) throw error;
          setThrew(1, 0);
        }
      },
      _emscripten_throw_longjmp(): never {
        throw Infinity;
      },
      emscripten_resize_heap(size: number): number {
        const wanted = size >>> 0;
        const { memory } = running();
        const now = memory.buffer.byteLength;
        if (wanted > limit) {
          events.starved = true;
          return 0;
        }
        // A fifth more than needed, so that growing stays rare.
        const target = Math.max(wanted, Math.min(now * 1.2, limit));
        try {
          memory.grow(Math.ceil((Math.min(Math.ceil(target / PAGE) * PAGE, MEMORY_MAXIMUM) - now) / PAGE));
        } catch {
          events.starved = true;
          return 0;
        }
        events.grown?.(memory.buffer.byteLength);
        return 1;
      },
      abort(): never {
        throw new LuaError("engine", "Lua has aborted");
      },
      exit(code: number): never {
        throw new LuaError("engine", `Lua has ended with ${code}`);
      },
    });
    hostClock(imports, heap, (size) => running().malloc(size));
    hostFiles(imports, heap, options);

    const instance = await WebAssembly.instantiate(module, imports);
    if (!isRuntime(instance.exports)) {
      throw new LuaError("engine", `The module is not "glue.wasm" of wasmoon ${VERSION}`);
    }
    runtime = instance.exports;
    runtime.emscripten_stack_init();
    runtime.__wasm_call_ctors();
    omitPointZero(heap.bytes);
    return new LuaWasm(runtime, heap, limit, events);
  }

  /**
   * Makes a function of ours callable by Lua. There is no way back: for functions that live as long as the instance.
   *
   * @param signature The result, then the parameters: `i` int, `v` none; such as `"ii"` for a `lua_CFunction`.
   */
  addFunction(fn: (...args: number[]) => number | void, signature: string): FunctionPointer {
    const table = this.api.__indirect_function_table;
    const instance = new WebAssembly.Instance(trampoline(signature), { e: { f: fn } });
    const index = table.grow(1);
    table.set(index, callback(instance.exports["f"]));
    return index;
  }
}

const trampolines = new Map<string, WebAssembly.Module>();

/** A module that passes its import `e.f` out as its export `f`: that is how a function gets a wasm type. */
function trampoline(signature: string): WebAssembly.Module {
  let module = trampolines.get(signature);
  if (module === undefined) {
    const I32 = 0x7f;
    const parameters = signature.length - 1;
    const results = signature[0] === "v" ? [0] : [1, I32];
    const type = [1, 0x60, parameters, ...Array<number>(parameters).fill(I32), ...results];
    module = new WebAssembly.Module(
      // deno-fmt-ignore
      new Uint8Array([
        0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,        // "\0asm", version 1
        1, type.length, ...type,                   // types
        2, 7, 1, 1, 0x65, 1, 0x66, 0, 0,           // import "e" "f", a function of type 0
        7, 5, 1, 1, 0x66, 0, 0,                    // export "f", function 0
      ]),
    );
    trampolines.set(signature, module);
  }
  return module;
}

/**
 * Lets whole floats print as in Lua 5.1, `1` instead of `1.0`.
 *
 * `tostringbuff` of lobject.c adds the ".0" if `buff[strspn(buff, "-0123456789")] == 0`; an empty set of characters makes
 * that never true. The constant lies in writable memory, once.
 */
function omitPointZero(memory: Uint8Array): void {
  const pattern = new TextEncoder().encode("\0-0123456789\0");
  const found: number[] = [];
  for (let i = memory.indexOf(0x2d); i > 0; i = memory.indexOf(0x2d, i + 1)) {
    if (pattern.every((byte, n) => memory[i - 1 + n] === byte)) found.push(i);
  }
  const [at] = found;
  if (at === undefined || found.length > 1) {
    throw new LuaError("engine", `The module is not "glue.wasm" of wasmoon ${VERSION}`);
  }
  memory[at] = 0;
}

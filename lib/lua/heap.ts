/**
 * The memory of a wasm instance.
 *
 * @module
 */
import { LuaError } from "./lua_error.ts";

/** A view of the whole memory in bytes and words. It is replaced when the memory grows. */
export class Heap {
  readonly #memory: () => WebAssembly.Memory;
  #bytes = new Uint8Array();
  #words = new Uint32Array();

  constructor(memory: () => WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Valid until the next call into wasm. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length === 0) this.#renew();
    return this.#bytes;
  }

  /** The same memory in little-endian words: the address divided by four is the index. */
  get words(): Uint32Array<ArrayBuffer> {
    if (this.#words.length === 0) this.#renew();
    return this.#words;
  }

  #renew(): void {
    const buffer = this.#memory().buffer;
    if (!(buffer instanceof ArrayBuffer)) throw new LuaError("engine", "The memory of Lua must not be shared");
    this.#bytes = new Uint8Array(buffer);
    this.#words = new Uint32Array(buffer);
  }
}

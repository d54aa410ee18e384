/**
 * What the main half works out once and every event thread uses.
 *
 * @module
 */
import {
  type BackendEntry,
  type BackendMemory,
  Backends,
  BackendType,
  type BackendType as Type,
} from "../../lib/core/backends.ts";
import { AcceptTurn } from "../../lib/net/accept_turn.ts";
import { type Address, formatAddress, parseAddress, resolveAddress } from "../../lib/net/address.ts";
import type { ProxyValues } from "./options.ts";

/** Survives structured clone. */
export interface Setup {
  /** Where to listen, as asked for: a port of 0 stays 0, since threads share a socket by the address they ask for. */
  readonly listen: readonly Address[];
  /** The backends' addresses, by index. */
  readonly backends: readonly Address[];
  readonly backendMemory: BackendMemory;
  readonly acceptMemory: SharedArrayBuffer;
  readonly connectTimeout: number;
  readonly readTimeout: number;
  readonly writeTimeout: number;
}

/**
 * Reads the addresses and resolves host names.
 *
 * @throws {NetError} for a bad or unknown address.
 * @throws {Error} for a backend that is given twice, or none.
 */
export async function prepareSetup(values: ProxyValues, threads: number): Promise<Setup> {
  const listen = await Promise.all(values["proxy-address"].map(resolve));
  if (listen.length === 0) throw new Error("There is no address to listen on, give --proxy-address");
  const readWrite = await Promise.all(values["proxy-backend-addresses"].map(resolve));
  const readOnly = await Promise.all(values["proxy-read-only-backend-addresses"].map(resolve));
  if (readWrite.length + readOnly.length === 0) {
    throw new Error("There is no backend, give --proxy-backend-addresses");
  }
  const entries = [...entriesOf(readWrite, BackendType.RW), ...entriesOf(readOnly, BackendType.RO)];
  const seen = new Set<string>();
  for (const { name } of entries) {
    if (seen.has(name)) throw new Error(`Backend ${name} is already known, name it once`);
    seen.add(name);
  }
  return {
    listen,
    backends: [...readWrite, ...readOnly],
    backendMemory: Backends.allocate(entries),
    acceptMemory: AcceptTurn.allocate(threads),
    connectTimeout: values["proxy-connect-timeout"],
    readTimeout: values["proxy-read-timeout"],
    writeTimeout: values["proxy-write-timeout"],
  };
}

function resolve(text: string): Promise<Address> {
  return resolveAddress(parseAddress(text));
}

function entriesOf(addresses: readonly Address[], type: Type): BackendEntry[] {
  return addresses.map((address) => ({ name: formatAddress(address), type }));
}

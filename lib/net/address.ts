/**
 * Addresses as options take them (spec 1.7): `HOST`, `HOST:PORT`, `:PORT`, `[V6]`, `[V6]:PORT`, or `/path` for a Unix
 * socket. A missing port is 3306, a missing host is all of IPv4.
 *
 * @module
 */
import { lookup } from "node:dns/promises";
import { NetError } from "./net_error.ts";

/** Where to listen or connect. */
export type Address =
  | { readonly transport: "tcp"; readonly hostname: string; readonly port: number }
  | { readonly transport: "unix"; readonly path: string };

/** MySQL's port. */
export const DEFAULT_PORT = 3306;

/** The longest path of a Unix socket: `sun_path` has 108 bytes on Linux, 104 elsewhere, with the NUL. */
const UNIX_PATH_LIMIT = Deno.build.os === "linux" ? 107 : 103;

function bad(text: string, why: string): NetError {
  return new NetError(
    "bad-address",
    `"${text}" is not an address: ${why}; expected HOST[:PORT], [IPV6][:PORT], :PORT or /path/to/socket`,
  );
}

/**
 * Reads an address. Host names stay as they are, see {@linkcode resolveAddress}.
 *
 * @throws {NetError} `bad-address`
 */
export function parseAddress(text: string): Address {
  if (text.startsWith("/")) {
    const length = new TextEncoder().encode(text).length;
    if (length > UNIX_PATH_LIMIT) throw bad(text, `the path has ${length} bytes, ${UNIX_PATH_LIMIT} is the most`);
    return { transport: "unix", path: text };
  }
  const parts = /^\[([^\]]*)\](.*)$/.exec(text) ?? /^([^:]*)(.*)$/.exec(text);
  const host = parts?.[1] ?? "";
  const rest = parts?.[2] ?? "";
  const bracketed = text.startsWith("[");
  if (bracketed && !/^[0-9a-fA-F:.]+(%\w+)?$/.test(host)) throw bad(text, "there is no IPv6 address in the brackets");
  if (!bracketed && rest.indexOf(":", 1) >= 0) throw bad(text, "an IPv6 address goes in brackets");
  if (!bracketed && !/^[\w.-]*$/.test(host)) throw bad(text, "the host name has a character that none can have");
  if (text === "") throw bad(text, "it is empty");
  let port = DEFAULT_PORT;
  if (rest !== "") {
    if (!/^:\d{1,5}$/.test(rest)) throw bad(text, "the port is not a number");
    port = Number(rest.slice(1));
    if (port > 65535) throw bad(text, "the port is larger than 65535");
  }
  return { transport: "tcp", hostname: host === "" ? "0.0.0.0" : host, port };
}

/** The canonical name: `127.0.0.1:3306`, `[::1]:3306` or `/path`. Scripts and duplicate detection use it. */
export function formatAddress(address: Address): string {
  if (address.transport === "unix") return address.path;
  const host = address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname;
  return `${host}:${address.port}`;
}

function isNumeric(hostname: string): boolean {
  return hostname.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * Replaces a host name by the first numeric address that the system resolves it to.
 *
 * @throws {NetError} `unknown-host`
 */
export async function resolveAddress(address: Address): Promise<Address> {
  if (address.transport === "unix" || isNumeric(address.hostname)) return address;
  try {
    const { address: hostname } = await lookup(address.hostname);
    return { ...address, hostname };
  } catch (cause) {
    throw new NetError(
      "unknown-host",
      `Cannot resolve the host name "${address.hostname}", check the spelling or give its IP address`,
      { cause },
    );
  }
}

/**
 * Ends of sockets as scripts see them (spec 4.4, address object).
 *
 * @module
 */
import type { ProxyEndpoint } from "../../lib/protocol/mod.ts";
import type { AddressView } from "../../lib/script/mod.ts";

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;

/** Of a nameless Unix socket. */
export const NO_ADDRESS: AddressView = { name: "", address: "", type: AF_UNIX };

/** An end of a socket. */
export function viewOfAddr(addr: Deno.Addr): AddressView {
  if (addr.transport === "tcp") return ipView(addr.hostname, addr.port);
  // The path of a nameless socket is null, whatever Deno's types say.
  return "path" in addr && typeof addr.path === "string"
    ? { name: addr.path, address: addr.path, type: AF_UNIX }
    : NO_ADDRESS;
}

/** An end as a balancer has told it. */
export function viewOfEndpoint(endpoint: ProxyEndpoint | undefined): AddressView {
  if (endpoint === undefined) return NO_ADDRESS;
  if (endpoint.kind !== "unix") return ipView(endpoint.address, endpoint.port);
  return { name: endpoint.path, address: endpoint.path, type: AF_UNIX };
}

function ipView(address: string, port: number): AddressView {
  return address.includes(":")
    ? { name: `[${address}]:${port}`, address, port, type: AF_INET6 }
    : { name: `${address}:${port}`, address, port, type: AF_INET };
}

/**
 * Networks that an option trusts, by the rules of MariaDB's `proxy_protocol_networks`: `*`, `localhost`, addresses and
 * `ADDRESS/BITS`; besides, `unix` for connections by Unix sockets.
 *
 * Source: https://mariadb.com/docs/server/security/proxy-protocol-support
 *
 * @module
 */
import { BlockList, isIPv4, isIPv6 } from "node:net";
import { NetError } from "./net_error.ts";

/** One network. An IPv4-mapped IPv6 network is the IPv4 network that it maps. */
export type Network =
  | { readonly kind: "any" }
  | { readonly kind: "unix" }
  /** 127.0.0.0/8, ::1 and Unix sockets. */
  | { readonly kind: "localhost" }
  | { readonly kind: "subnet"; readonly family: "ipv4" | "ipv6"; readonly address: string; readonly bits: number };

/** The 96 bits in front of an IPv4-mapped address. */
const MAPPED_BITS = 96;

function bad(text: string, why: string): NetError {
  return new NetError(
    "bad-address",
    `"${text}" is not a network: ${why}; expected *, localhost, unix, an IP address, or one with its number of bits ` +
      `as in 10.0.0.0/8 or fd00::/8`,
  );
}

/** The IPv4 address in an IPv4-mapped IPv6 address of any form, if it is one. */
function mappedIpv4(address: string): string | undefined {
  const canonical = new URL(`http://[${address}]/`).hostname;
  const [, high, low] = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(canonical) ?? [];
  if (high === undefined || low === undefined) return undefined;
  const words = [parseInt(high, 16), parseInt(low, 16)];
  return words.flatMap((word) => [word >> 8, word & 0xff]).join(".");
}

/**
 * Reads a network. Bits of an address beyond the given number do not count.
 *
 * @throws {NetError} `bad-address`
 */
export function parseNetwork(text: string): Network {
  const trimmed = text.trim();
  if (trimmed === "") throw bad(text, "it is empty");
  if (trimmed === "*") return { kind: "any" };
  if (trimmed === "unix") return { kind: "unix" };
  if (trimmed === "localhost") return { kind: "localhost" };

  if (trimmed.includes(",")) throw bad(text, "it has a comma, and several networks go one by one");
  const [address = "", bitsText, ...more] = trimmed.split("/");
  if (address.startsWith("[")) throw bad(text, "an IPv6 address goes without brackets here");
  if (address.includes("%")) throw bad(text, "an IPv6 address goes without its zone here");
  const family = isIPv4(address) ? "ipv4" : isIPv6(address) ? "ipv6" : undefined;
  if (family === undefined) throw bad(text, `"${address}" is no numeric IP address`);
  const most = family === "ipv4" ? 32 : 128;
  if (more.length > 0) throw bad(text, "there is more than one slash");
  if (bitsText !== undefined && !/^\d{1,3}$/.test(bitsText)) throw bad(text, "what follows the slash is no number");
  const bits = bitsText === undefined ? most : Number(bitsText);
  if (bits > most) throw bad(text, `an address of this kind has ${most} bits`);

  const mapped = family === "ipv6" && bits >= MAPPED_BITS ? mappedIpv4(address) : undefined;
  if (mapped !== undefined) return { kind: "subnet", family: "ipv4", address: mapped, bits: bits - MAPPED_BITS };
  return { kind: "subnet", family, address, bits };
}

/** A set of networks. */
export class Networks {
  readonly #subnets = new BlockList();
  #any = false;
  #unix = false;

  /**
   * @param texts See {@linkcode parseNetwork}; none means that nothing is included.
   * @throws {NetError} `bad-address`
   */
  constructor(texts: readonly string[]) {
    for (const network of texts.map(parseNetwork)) {
      switch (network.kind) {
        case "any":
          this.#any = true;
          break;
        case "unix":
          this.#unix = true;
          break;
        case "localhost":
          this.#unix = true;
          this.#subnets.addSubnet("127.0.0.0", 8, "ipv4");
          this.#subnets.addAddress("::1", "ipv6");
          break;
        case "subnet":
          this.#subnets.addSubnet(network.address, network.bits, network.family);
      }
    }
  }

  /** Whether a peer is in one of the networks. A peer with an IPv4-mapped IPv6 address counts as an IPv4 peer too. */
  includes(addr: Deno.Addr): boolean {
    if (this.#any) return true;
    if (addr.transport === "unix" || addr.transport === "unixpacket") return this.#unix;
    if (addr.transport !== "tcp" && addr.transport !== "udp") return false;
    const address = addr.hostname.replace(/%.*$/, "");
    if (isIPv4(address)) return this.#subnets.check(address, "ipv4");
    if (!isIPv6(address)) return false;
    const mapped = mappedIpv4(address);
    return mapped !== undefined && this.#subnets.check(mapped, "ipv4") || this.#subnets.check(address, "ipv6");
  }
}

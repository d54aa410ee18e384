/**
 * The PROXY protocol: a header in front of a connection's bytes in which a proxy tells whose connection it passes on. The
 * first version is a line of text, the second is binary.
 *
 * Source: https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt
 *
 * @module
 */
import { crc32c } from "./crc32c.ts";
import { ProtocolError } from "./error.ts";
import { formatIp, mapIp, parseIpv4, parseIpv6, unmapIp } from "./ip_address.ts";
import { decodeText, encodeText } from "./text.ts";

/** One end of a connection. Addresses are numeric, ports 0 to 65535. */
export type ProxyEndpoint =
  | { readonly kind: "tcp4"; readonly address: string; readonly port: number }
  | { readonly kind: "tcp6"; readonly address: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** What the begin of a connection is. */
export type ProxyHeader =
  /** So far it could be a header. */
  | { readonly kind: "incomplete" }
  /** These bytes do not begin a header. */
  | { readonly kind: "none" }
  | {
    readonly kind: "header";
    /** The header's bytes; what comes behind them is the connection's own. */
    readonly length: number;
    /** Missing where the proxy does not know or does not say it: the connection's own addresses count then. */
    readonly source?: ProxyEndpoint;
    readonly destination?: ProxyEndpoint;
    /** The proxy speaks for itself, as for a health check. Only version 2 can say that. */
    readonly local: boolean;
  };

const V1_PREFIX = encodeText("PROXY ");
const V2_SIGNATURE = Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a);

/** The longest line of version 1, with its CRLF. */
const V1_MAX_LENGTH = 107;
const V2_FIXED_LENGTH = 16;
/** The most that may follow the fixed part of version 2; the specification allows 65535 and needs a few hundred. */
const V2_MAX_BLOCK = 4096;
const UNIX_PATH_LENGTH = 108;

/** Second half of version 2's byte 12, and its byte 13. */
const COMMAND_LOCAL = 0;
const COMMAND_PROXY = 1;
const UNSPEC = 0x00;
const TCP4 = 0x11;
const TCP6 = 0x21;
const UNIX_STREAM = 0x31;

/** The length of the addresses of each kind of connection. */
const ADDRESSES_LENGTH: Readonly<Record<number, number>> = { [TCP4]: 12, [TCP6]: 36, [UNIX_STREAM]: 216 };

const TLV_CRC32C = 0x03;

function malformed(why: string): ProtocolError {
  return new ProtocolError("malformed", `PROXY protocol header is damaged: ${why}`);
}

/** Whether the bytes begin as `prefix` does, as far as they go. */
function agrees(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.subarray(0, bytes.length).every((byte, i) => bytes[i] === byte);
}

function ipEndpoint(bytes: Uint8Array, port: number): ProxyEndpoint {
  const ip = unmapIp(bytes);
  return { kind: ip.length === 4 ? "tcp4" : "tcp6", address: formatIp(ip), port };
}

/**
 * Looks for a header at the begin of a connection. IPv4-mapped IPv6 addresses come out as the IPv4 addresses that they
 * are. Of version 2's extensions the checksum is verified, the others are skipped.
 *
 * @param bytes All that has come of the connection.
 * @throws {ProtocolError} `malformed` if it begins as a header does and is none, `too-large` if more than 4096 bytes are
 * announced.
 */
export function parseProxyHeader(bytes: Uint8Array): ProxyHeader {
  if (agrees(bytes, V1_PREFIX)) return bytes.length < V1_PREFIX.length ? { kind: "incomplete" } : parseVersion1(bytes);
  if (agrees(bytes, V2_SIGNATURE)) {
    return bytes.length < V2_FIXED_LENGTH ? { kind: "incomplete" } : parseVersion2(bytes);
  }
  return { kind: "none" };
}

function parseVersion1(bytes: Uint8Array): ProxyHeader {
  const end = bytes.subarray(0, V1_MAX_LENGTH).indexOf(0x0a);
  if (end < 0) {
    if (bytes.length < V1_MAX_LENGTH) return { kind: "incomplete" };
    throw malformed(`there is no end of line within ${V1_MAX_LENGTH} bytes`);
  }
  if (bytes[end - 1] !== 0x0d) throw malformed("the line does not end in CRLF");
  const length = end + 1;
  const [protocol, ...fields] = decodeText(bytes.subarray(V1_PREFIX.length, end - 1)).split(" ");
  // Whatever follows UNKNOWN is to be ignored.
  if (protocol === "UNKNOWN") return { kind: "header", length, local: false };
  if (protocol !== "TCP4" && protocol !== "TCP6") throw malformed(`the protocol "${protocol}" is unknown`);
  const [from = "", to = "", fromPort = "", toPort = "", ...more] = fields;
  if (more.length > 0 || fields.length < 4) throw malformed("there must be two addresses and two ports");
  const endpoint = (address: string, port: string): ProxyEndpoint => {
    const ip = protocol === "TCP4" ? parseIpv4(address) : parseIpv6(address);
    if (ip === undefined) throw malformed(`"${address}" is no address of ${protocol}`);
    if (!/^(0|[1-9]\d{0,4})$/.test(port) || Number(port) > 65535) throw malformed(`"${port}" is no port`);
    return ipEndpoint(ip, Number(port));
  };
  const [source, destination] = [endpoint(from, fromPort), endpoint(to, toPort)];
  return { kind: "header", length, source, destination, local: false };
}

function parseVersion2(bytes: Uint8Array): ProxyHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const versionAndCommand = view.getUint8(12);
  const command = versionAndCommand & 0x0f;
  if (versionAndCommand >> 4 !== 2) throw malformed(`the version is "${versionAndCommand >> 4}" where only 2 can be`);
  if (command !== COMMAND_LOCAL && command !== COMMAND_PROXY) throw malformed(`the command "${command}" is unknown`);
  const family = view.getUint8(13);
  const block = view.getUint16(14);
  if (block > V2_MAX_BLOCK) {
    throw new ProtocolError(
      "too-large",
      `PROXY protocol header of ${block} bytes exceeds the limit of ${V2_MAX_BLOCK}`,
    );
  }
  const length = V2_FIXED_LENGTH + block;
  if (bytes.length < length) return { kind: "incomplete" };
  // The rest of these is to be ignored, whatever it is.
  if (command === COMMAND_LOCAL) return { kind: "header", length, local: true };
  if (family === UNSPEC) return { kind: "header", length, local: false };

  const addresses = ADDRESSES_LENGTH[family];
  if (addresses === undefined) {
    throw malformed(`the protocol "0x${family.toString(16).padStart(2, "0")}" is none of TCP4, TCP6 and Unix stream`);
  }
  if (addresses > block) throw malformed(`${addresses} bytes of addresses do not fit into ${block}`);
  const at = V2_FIXED_LENGTH;
  checkExtensions(bytes.subarray(0, length), at + addresses);
  if (family === UNIX_STREAM) {
    const [source, destination] = [unixEndpoint(bytes, at), unixEndpoint(bytes, at + UNIX_PATH_LENGTH)];
    return { kind: "header", length, source, destination, local: false };
  }
  const size = family === TCP4 ? 4 : 16;
  const source = ipEndpoint(bytes.slice(at, at + size), view.getUint16(at + 2 * size));
  const destination = ipEndpoint(bytes.slice(at + size, at + 2 * size), view.getUint16(at + 2 * size + 2));
  return { kind: "header", length, source, destination, local: false };
}

function unixEndpoint(bytes: Uint8Array, at: number): ProxyEndpoint {
  const field = bytes.subarray(at, at + UNIX_PATH_LENGTH);
  const end = field.indexOf(0);
  return { kind: "unix", path: decodeText(end < 0 ? field : field.subarray(0, end)) };
}

/** Steps over the extensions behind the addresses: a byte of type, two of length, and the value. */
function checkExtensions(header: Uint8Array, at: number): void {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  while (at < header.length) {
    if (at + 3 > header.length) throw malformed("an extension ends within its length");
    const [type, length] = [view.getUint8(at), view.getUint16(at + 1)];
    const value = at + 3;
    if (value + length > header.length) throw malformed(`an extension of ${length} bytes leads over the end`);
    if (type === TLV_CRC32C) {
      if (length !== 4) throw malformed(`the checksum has ${length} bytes instead of 4`);
      const copy = header.slice();
      copy.fill(0, value, value + 4);
      if (crc32c(copy) !== view.getUint32(value)) throw malformed("the checksum is wrong");
    }
    at = value + length;
  }
}

/** The bytes of an address of any kind, as IPv4 where it is such. */
function ipOf(endpoint: ProxyEndpoint & { readonly kind: "tcp4" | "tcp6" }): Uint8Array {
  const { kind, address, port } = endpoint;
  const bytes = kind === "tcp4" ? parseIpv4(address) : parseIpv6(address.replace(/%.*$/, ""));
  if (bytes === undefined) throw new ProtocolError("out-of-range", `"${address}" is no numeric address of ${kind}`);
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new ProtocolError("out-of-range", `Cannot write "${port}" as a port`);
  }
  return unmapIp(bytes);
}

/** What a header of either version says. */
type Route =
  | { readonly kind: "unknown" }
  | { readonly kind: "unix"; readonly paths: readonly [Uint8Array, Uint8Array] }
  | {
    readonly kind: "tcp";
    readonly ips: readonly [Uint8Array, Uint8Array];
    readonly ports: readonly [number, number];
  };

function unixPath(path: string): Uint8Array {
  const bytes = encodeText(path);
  if (bytes.length <= UNIX_PATH_LENGTH) return bytes;
  throw new ProtocolError(
    "out-of-range",
    `Cannot write the path "${path}" of ${bytes.length} bytes, ${UNIX_PATH_LENGTH} is the most`,
  );
}

function routeOf(source: ProxyEndpoint | undefined, destination: ProxyEndpoint | undefined): Route {
  if (source === undefined || destination === undefined) return { kind: "unknown" };
  if (source.kind === "unix" && destination.kind === "unix") {
    return { kind: "unix", paths: [unixPath(source.path), unixPath(destination.path)] };
  }
  // A connection has one family; no header can tell of two.
  if (source.kind === "unix" || destination.kind === "unix") return { kind: "unknown" };
  let ips: readonly [Uint8Array, Uint8Array] = [ipOf(source), ipOf(destination)];
  if (ips[0].length !== ips[1].length) ips = [mapIp(ips[0]), mapIp(ips[1])];
  return { kind: "tcp", ips, ports: [source.port, destination.port] };
}

/**
 * Writes a header. Two IPv4-mapped IPv6 addresses go as IPv4; of one address of each kind, the IPv4 one goes mapped. What
 * a header cannot tell goes as `UNKNOWN` in version 1 and as `LOCAL` in version 2: an end that is not given, ends of
 * different kinds, and in version 1 Unix sockets.
 *
 * @param source Whose connection it is.
 * @param destination Where that one connected to.
 * @throws {ProtocolError} `out-of-range` if an address is not numeric, or a port or path does not fit.
 */
export function encodeProxyHeader(
  version: 1 | 2,
  source: ProxyEndpoint | undefined,
  destination: ProxyEndpoint | undefined,
): Uint8Array {
  const route = routeOf(source, destination);
  return version === 1 ? encodeVersion1(route) : encodeVersion2(route);
}

function encodeVersion1(route: Route): Uint8Array {
  if (route.kind !== "tcp") return encodeText("PROXY UNKNOWN\r\n");
  const family = route.ips[0].length === 4 ? "TCP4" : "TCP6";
  return encodeText(`PROXY ${family} ${route.ips.map(formatIp).join(" ")} ${route.ports.join(" ")}\r\n`);
}

function encodeVersion2(route: Route): Uint8Array {
  if (route.kind === "unknown") return versionTwo(COMMAND_LOCAL, UNSPEC, []);
  if (route.kind === "unix") {
    const fields = route.paths.map((path) => [...path, ...new Uint8Array(UNIX_PATH_LENGTH - path.length)]);
    return versionTwo(COMMAND_PROXY, UNIX_STREAM, fields.flat());
  }
  const ports = route.ports.flatMap((port) => [port >> 8, port & 0xff]);
  const family = route.ips[0].length === 4 ? TCP4 : TCP6;
  return versionTwo(COMMAND_PROXY, family, [...route.ips[0], ...route.ips[1], ...ports]);
}

function versionTwo(command: number, family: number, block: readonly number[]): Uint8Array {
  return Uint8Array.from([...V2_SIGNATURE, 0x20 | command, family, block.length >> 8, block.length & 0xff, ...block]);
}

/**
 * IP addresses between their text and their bytes.
 *
 * @module
 */

const OCTET = "(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const IPV4 = new RegExp(`^${OCTET}\\.${OCTET}\\.${OCTET}\\.${OCTET}$`);

/** The first 12 bytes of an IPv4 address that is written as an IPv6 one (RFC 4291, 2.5.5.2). */
const MAPPED_PREFIX = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);

/** The 4 bytes of an IPv4 address in four decimal numbers without leading zeros; undefined if the text is none. */
export function parseIpv4(text: string): Uint8Array | undefined {
  const match = IPV4.exec(text);
  return match ? Uint8Array.from(match.slice(1), Number) : undefined;
}

/** The 16 bytes of an IPv6 address in any of its forms, without brackets and zone; undefined if the text is none. */
export function parseIpv6(text: string): Uint8Array | undefined {
  if (!/^[0-9a-fA-F:.]+$/.test(text) || !URL.canParse(`http://[${text}]/`)) return undefined;
  // The URL standard leaves groups of hexadecimal digits and at most one "::".
  const canonical = new URL(`http://[${text}]/`).hostname.slice(1, -1);
  const [front = "", back = ""] = canonical.split("::");
  const groups = (part: string) => part === "" ? [] : part.split(":").map((group) => parseInt(group, 16));
  const [head, tail] = [groups(front), groups(back)];
  const all = [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
  return Uint8Array.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The text of an IPv4 address of 4 bytes or an IPv6 address of 16; the latter as RFC 5952 recommends. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8 | bytes[2 * i + 1]!).toString(16));
  return new URL(`http://[${groups.join(":")}]/`).hostname.slice(1, -1);
}

/** The IPv4 address in an IPv4-mapped IPv6 address; all others as they are. */
export function unmapIp(bytes: Uint8Array): Uint8Array {
  const mapped = bytes.length === 16 && MAPPED_PREFIX.every((byte, i) => bytes[i] === byte);
  return mapped ? bytes.subarray(12) : bytes;
}

/** The 16 bytes of an address of either kind; an IPv4 address becomes an IPv4-mapped one. */
export function mapIp(bytes: Uint8Array): Uint8Array {
  return bytes.length === 16 ? bytes : Uint8Array.from([...MAPPED_PREFIX, ...bytes]);
}

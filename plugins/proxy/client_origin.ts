/**
 * Where a client really comes from: its socket's address, or what a trusted balancer in front of the proxy says.
 *
 * A balancer speaks first, with a header of the PROXY protocol; a MySQL client waits for the greeting. So somebody from a
 * trusted network gets a moment to send one before the server is connected, and may come without. A header that is late
 * still counts, as MariaDB has it.
 *
 * @module
 */
import type { Networks } from "../../lib/net/network.ts";
import type { Stream } from "../../lib/net/stream.ts";
import {
  concat,
  encodeProxyHeader,
  parseProxyHeader,
  ProtocolError,
  type ProxyEndpoint,
} from "../../lib/protocol/mod.ts";
import type { AddressView } from "../../lib/script/mod.ts";
import { viewOfAddr, viewOfEndpoint } from "./address_view.ts";

/** How long a trusted peer has for its header, in milliseconds, before it is taken for a client of its own. */
const GRACE_MS = 500;

/** Three bytes that begin a header are no begin of a login packet: that would be far longer than any is. */
const TELLING_LENGTH = 3;

const EMPTY = new Uint8Array(0);

/** One client's origin. */
export class ClientOrigin {
  readonly #client: Stream;
  #source: ProxyEndpoint | undefined;
  #destination: ProxyEndpoint | undefined;
  readonly #trusted: boolean;
  /** The first bytes have been looked at: no header can come any more. */
  #settled = false;
  #bytes: Uint8Array = EMPTY;
  #known: (() => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Stream, trusted: Networks) {
    this.#client = client;
    const { local, remote } = client.addresses;
    this.#source = endpointOf(remote);
    this.#destination = endpointOf(local);
    this.#trusted = trusted.includes(remote);
  }

  /** Whether all bytes of the client are its own. */
  get settled(): boolean {
    return this.#settled;
  }

  /** The client's address for the log; with that of the balancer if there is one. */
  get name(): string {
    const source = this.#source;
    const socket = this.#client.remote;
    const told = source === undefined || source.kind === "unix"
      ? socket
      : source.kind === "tcp6"
      ? `[${source.address}]:${source.port}`
      : `${source.address}:${source.port}`;
    return told === socket ? socket : `${told} by ${socket}`;
  }

  /** The client's end, as scripts see it. */
  get source(): AddressView {
    return this.#source === undefined ? viewOfAddr(this.#client.addresses.remote) : viewOfEndpoint(this.#source);
  }

  /** The end that the client has reached, as scripts see it. */
  get destination(): AddressView {
    return this.#destination === undefined
      ? viewOfAddr(this.#client.addresses.local)
      : viewOfEndpoint(this.#destination);
  }

  /** Calls `known` when the origin is known, or it does not look as if a header would come. */
  whenKnown(known: () => void): void {
    if (!this.#trusted) return known();
    this.#known = known;
    this.#timer = setTimeout(() => this.#begin(), GRACE_MS);
  }

  /** The client has gone. */
  giveUp(): void {
    clearTimeout(this.#timer);
    this.#known = undefined;
  }

  /**
   * Takes the client's first bytes; returns those that are its own.
   *
   * @throws {ProtocolError} for a header that is damaged, or of somebody who is not trusted: the client is to be refused.
   *   As packets these bytes would announce megabytes, and be waited for.
   */
  take(chunk: Uint8Array): Uint8Array {
    const bytes = this.#bytes.length === 0 ? chunk.slice() : concat(this.#bytes, chunk);
    if (!this.#trusted && bytes.length >= TELLING_LENGTH && isProxyHeader(bytes)) {
      throw new ProtocolError(
        "malformed",
        `PROXY protocol header from ${this.#client.remote}, which is not in --proxy-protocol-networks`,
      );
    }
    const header = parseProxyHeader(bytes);
    if (header.kind === "incomplete") {
      this.#bytes = bytes;
      return EMPTY;
    }
    this.#settled = true;
    this.#bytes = EMPTY;
    // Without addresses the socket's own count.
    if (header.kind === "header" && header.source !== undefined) {
      this.#source = header.source;
      this.#destination = header.destination;
    }
    this.#begin();
    return header.kind === "header" ? bytes.subarray(header.length) : bytes;
  }

  /** The header that tells a backend of this client. */
  headerFor(version: 0 | 1 | 2): Uint8Array | undefined {
    return version === 0 ? undefined : encodeProxyHeader(version, this.#source, this.#destination);
  }

  #begin(): void {
    clearTimeout(this.#timer);
    const known = this.#known;
    this.#known = undefined;
    known?.();
  }
}

/** Whether it begins as one does, be it whole, damaged or cut off. */
function isProxyHeader(bytes: Uint8Array): boolean {
  try {
    return parseProxyHeader(bytes).kind !== "none";
  } catch (error) {
    if (error instanceof ProtocolError) return true;
    throw error;
  }
}

function endpointOf(addr: Deno.Addr): ProxyEndpoint | undefined {
  if (addr.transport === "tcp") {
    return { kind: addr.hostname.includes(":") ? "tcp6" : "tcp4", address: addr.hostname, port: addr.port };
  }
  return undefined;
}

/**
 * A session without sockets: events go in, effects come out as a list.
 *
 * @module
 */
import { type BackendEntry, Backends, BackendType } from "../../lib/core/backends.ts";
import type { Effects, Keeper, ParkedSocket, Side } from "../../lib/core/effects.ts";
import type { LoginPolicy } from "../../lib/core/login_policy.ts";
import { type Scripting, Session } from "../../lib/core/session.ts";
import {
  Capability,
  crc32c,
  encodeHandshake,
  encodeHandshakeResponse,
  encodePacket,
  parseErr,
} from "../../lib/protocol/mod.ts";

/** What a session did, in the order in which it did it. Bytes that go one way in a row are one effect. */
export type Effect =
  | { readonly connect: number }
  | { readonly drop: true }
  | { readonly to: Side; readonly bytes: string }
  | { readonly secure: Side; readonly first: string }
  | { readonly close: Side }
  | { readonly park: true }
  | { readonly parked: string }
  | { readonly discard: true }
  | { readonly adopt: true }
  | { readonly hold: true }
  | { readonly backend: number; readonly up: boolean };

/** One backend, read/write. */
export const ONE_BACKEND: readonly BackendEntry[] = [{ name: "10.0.0.1:3306", type: BackendType.RW }];

export const TWO_BACKENDS: readonly BackendEntry[] = [
  { name: "10.0.0.1:3306", type: BackendType.RW },
  { name: "10.0.0.2:3306", type: BackendType.RW },
];

/** Nothing but plain connections. */
export const PLAIN: LoginPolicy = {
  clientTls: "disabled",
  clientCompression: [],
  passwordKeys: { publicKey: "", privateKey: "" },
  backends: [],
};

/** Plays events to a session and keeps what it does. */
export class Playbook implements Effects {
  readonly backends: Backends;
  readonly session: Session;
  readonly reports: string[] = [];
  /** Of the socket that was parked last. */
  keeper: Keeper | undefined;
  now = 1000;
  #effects: Effect[] = [];

  constructor(
    entries: readonly BackendEntry[] = ONE_BACKEND,
    policy: LoginPolicy = PLAIN,
    socket = false,
    scripting?: Scripting,
  ) {
    this.backends = new Backends(Backends.allocate(entries));
    this.session = new Session(this.backends, this, policy, socket, scripting);
  }

  /** The effects since the last call. */
  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** Bytes come from a side, in chunks of at most `size`. */
  say(from: Side, bytes: Uint8Array, size = bytes.length): this {
    // A copy that is wiped afterwards: a session must not keep a view of a read buffer.
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = bytes.slice(at, at + size);
      this.session.received(from, chunk, this.now);
      chunk.fill(0xee);
    }
    return this;
  }

  /** Goes through the login of an ordinary client up to the server's OK, and forgets its effects. */
  logIn(capabilities = CAPABILITIES): this {
    this.session.open(this.now);
    this.session.connected(this.now);
    this.say("server", greeting(capabilities)).say("client", login(capabilities)).say("server", OK_LOGIN);
    this.take();
    return this;
  }

  connect(index: number): void {
    this.#effects.push({ connect: index });
  }

  drop(): void {
    this.#effects.push({ drop: true });
  }

  send(to: Side, bytes: Uint8Array): void {
    const last = this.#effects.at(-1);
    if (last !== undefined && "to" in last && last.to === to) {
      this.#effects[this.#effects.length - 1] = { to, bytes: last.bytes + hex(bytes) };
    } else {
      this.#effects.push({ to, bytes: hex(bytes) });
    }
  }

  secure(side: Side, first: Uint8Array): void {
    this.#effects.push({ secure: side, first: hex(first) });
  }

  close(side: Side): void {
    this.#effects.push({ close: side });
  }

  backendChanged(backend: number, up: boolean): void {
    this.#effects.push({ backend, up });
  }

  park(keeper: Keeper): ParkedSocket {
    this.keeper = keeper;
    this.#effects.push({ park: true });
    return {
      send: (bytes) => this.#effects.push({ parked: hex(bytes) }),
      discard: () => this.#effects.push({ discard: true }),
    };
  }

  adopt(_socket: ParkedSocket): void {
    this.#effects.push({ adopt: true });
  }

  hold(_until: Promise<void>): void {
    this.#effects.push({ hold: true });
  }

  report(_level: "critical" | "warning" | "info" | "debug", text: string): void {
    this.reports.push(text);
  }
}

/** Bytes as digits; of very many only how many they are and a checksum. */
export function hex(bytes: Uint8Array): string {
  if (bytes.length > 8 << 20) return `${bytes.length} bytes, ${crc32c(bytes)}`;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

/** A packet from text or hex digits. */
export function packet(payload: string | Uint8Array, sequenceId: number): Uint8Array {
  return encodePacket(typeof payload === "string" ? unhex(payload) : payload, sequenceId);
}

export function command(byte: number, text = ""): Uint8Array {
  return encodePacket(Uint8Array.of(byte, ...new TextEncoder().encode(text)), 0);
}

export const CAPABILITIES = Capability.CLIENT_LONG_PASSWORD | Capability.CLIENT_PROTOCOL_41 |
  Capability.CLIENT_SECURE_CONNECTION | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_TRANSACTIONS |
  Capability.CLIENT_MULTI_RESULTS;

export function greeting(capabilities = CAPABILITIES): Uint8Array {
  return encodePacket(
    encodeHandshake({
      serverVersion: "9.7.4",
      connectionId: 42,
      authData: new Uint8Array(20).fill(0x41),
      capabilities,
      charset: 255,
      status: 2,
      authPluginName: "caching_sha2_password",
    }),
    0,
  );
}

export function login(capabilities = CAPABILITIES): Uint8Array {
  return encodePacket(
    encodeHandshakeResponse({
      kind: "response41",
      capabilities,
      maxPacketSize: 1 << 24,
      charset: 255,
      username: "ada",
      authResponse: new Uint8Array(32).fill(7),
      authPluginName: "caching_sha2_password",
    }),
    1,
  );
}

/** The OK that ends a login without anything between. */
export const OK_LOGIN = packet("00000002000000", 2);
export const OK = packet("00000002000000", 1);

/** The ERR packet that is the only thing in `bytes`. */
export function errorIn(effect: Effect | undefined): { sequenceId: number; errorNumber: number; message: string } {
  if (effect === undefined || !("to" in effect)) throw new Error(`Not a send: ${JSON.stringify(effect)}`);
  const bytes = unhex(effect.bytes);
  const { errorNumber, message } = parseErr(bytes.subarray(4));
  return { sequenceId: bytes[3]!, errorNumber, message };
}

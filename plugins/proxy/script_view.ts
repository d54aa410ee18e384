/**
 * A connection as its script sees it.
 *
 * @module
 */
import type { Session } from "../../lib/core/session.ts";
import type { Identity } from "../../lib/core/server_link.ts";
import { parseServerVersion, versionNumber } from "../../lib/protocol/mod.ts";
import type { AddressView, ConnectionView, SocketView } from "../../lib/script/mod.ts";
import { NO_ADDRESS, viewOfAddr } from "./address_view.ts";
import type { ClientOrigin } from "./client_origin.ts";
import type { ServerSocket } from "./server_socket.ts";

/** The sockets of a connection, as far as scripts are told of them. */
export interface Ends {
  readonly origin: ClientOrigin;
  readonly server: ServerSocket | undefined;
}

/** Both sides, live. */
export class SessionView implements ConnectionView {
  readonly #session: Session;
  readonly client: SocketView;
  readonly #ends: Ends;

  constructor(session: Session, ends: Ends) {
    this.#session = session;
    this.#ends = ends;
    this.client = new ClientView(session, ends);
  }

  get server(): SocketView | undefined {
    const { link } = this.#session;
    return link === undefined ? undefined : new ServerView(this.#session, this.#ends);
  }

  get backendNdx(): number {
    return this.#session.backendNdx;
  }

  set backendNdx(ndx: number) {
    this.#session.backendNdx = ndx;
  }

  closeAfterResponse(close: boolean): void {
    this.#session.closeAfterResponse = close;
  }
}

class ClientView implements SocketView {
  readonly #session: Session;
  readonly #ends: Ends;

  constructor(session: Session, ends: Ends) {
    this.#session = session;
    this.#ends = ends;
  }

  get src(): AddressView {
    return this.#ends.origin.source;
  }

  get dst(): AddressView {
    return this.#ends.origin.destination;
  }

  get default_db(): string {
    const { defaultDb, login } = this.#session;
    return this.#session.loggingIn ? login.client?.database ?? "" : defaultDb;
  }

  get username(): string | undefined {
    return this.#session.claim?.username;
  }

  get scrambled_password(): Uint8Array | undefined {
    return this.#session.claim?.authResponse;
  }

  get auth_plugin_name(): string | undefined {
    const { claim, login } = this.#session;
    return claim?.authPluginName ?? login.handshake?.authPluginName ?? (login.handshake && "");
  }

  get mysqld_version(): number | undefined {
    const { handshake } = this.#session.login;
    const version = handshake === undefined ? undefined : parseServerVersion(handshake.serverVersion);
    return version === undefined ? undefined : versionNumber(version);
  }

  get thread_id(): number | undefined {
    return this.#session.login.handshake?.connectionId;
  }

  get scramble_buffer(): Uint8Array | undefined {
    return this.#session.login.handshake?.authData;
  }
}

class ServerView implements SocketView {
  readonly #session: Session;
  readonly #ends: Ends;

  constructor(session: Session, ends: Ends) {
    this.#session = session;
    this.#ends = ends;
  }

  get src(): AddressView {
    const addresses = this.#ends.server?.stream.addresses;
    return addresses === undefined ? NO_ADDRESS : viewOfAddr(addresses.local);
  }

  get dst(): AddressView {
    const addresses = this.#ends.server?.stream.addresses;
    return addresses === undefined ? NO_ADDRESS : viewOfAddr(addresses.remote);
  }

  get default_db(): string {
    return this.#session.link?.defaultDb ?? "";
  }

  /** Who is logged in, or is about to be. */
  get #identity(): Identity | undefined {
    const { identity, link, loggingIn } = this.#session;
    return loggingIn ? identity ?? link?.identity : link?.identity;
  }

  get username(): string | undefined {
    return this.#identity?.username;
  }

  get scrambled_password(): Uint8Array | undefined {
    return this.#identity?.authResponse;
  }

  get auth_plugin_name(): string | undefined {
    const { link } = this.#session;
    return this.#identity?.authPluginName ?? link?.handshake?.authPluginName ?? (link?.handshake && "");
  }

  get mysqld_version(): number | undefined {
    return this.#session.link?.version;
  }

  get thread_id(): number | undefined {
    return this.#session.link?.handshake?.connectionId;
  }

  get scramble_buffer(): Uint8Array | undefined {
    return this.#session.link?.handshake?.authData;
  }
}

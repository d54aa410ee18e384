/**
 * A connection to a server, with what its login has settled: enough to serve another client later.
 *
 * @module
 */
import {
  type Handshake,
  HEADER_LENGTH,
  PacketWalker,
  type ResponseFormat,
  ResponseTracker,
  versionNumber,
} from "../protocol/mod.ts";
import { parseServerVersion } from "../protocol/mod.ts";
import type { Transport } from "./authentication.ts";
import { Wire } from "./wire.ts";

/** Who is logged in on a server connection, or wants to be. */
export interface Identity {
  readonly username: string;
  /** What the client sent with its login packet. */
  readonly authResponse: Uint8Array;
  /** The client's answer to the nonce that was given last; `undefined` if that alone proves nothing. */
  readonly proof?: Uint8Array | undefined;
  readonly authPluginName: string | undefined;
}

/** How a server connection was left by a login or a change of user. */
export interface LinkTerms {
  readonly transport: Transport;
  /** What client and server agreed on. */
  readonly capabilities: bigint;
  readonly format: ResponseFormat;
  /** The collation that the client has asked for; of a login its low byte. */
  readonly charset: number;
  /** The plugin and nonce that a change of user begins with. */
  readonly plugin: string;
  readonly nonce: Uint8Array;
}

/** One connection to a server; there from the moment it is open. */
export class ServerLink {
  readonly backend: number;
  /** Known once the server has greeted. */
  handshake: Handshake | undefined;
  wire = new Wire(undefined);
  /** There once a client is logged in. */
  terms: LinkTerms | undefined;
  identity: Identity | undefined;
  defaultDb = "";
  /** What else the server knows of the client, or the client of the way to it: other clients must be alike. */
  affinity = "";
  /** The server has closed it. */
  closed = false;
  /** The server has been asked for another user and has not agreed yet, or has refused. */
  changing = false;
  tracker = new ResponseTracker({ deprecateEof: false, optionalMetadata: false });
  responses = new PacketWalker(this.tracker);

  constructor(backend: number) {
    this.backend = backend;
  }

  /** A client is logged in: `ok` is the packet with its header that said so. */
  loggedIn(terms: LinkTerms, identity: Identity, database: string, ok: Uint8Array): void {
    this.changing = false;
    this.terms = terms;
    this.identity = identity;
    this.defaultDb = database;
    this.tracker = new ResponseTracker(terms.format);
    this.responses = new PacketWalker(this.tracker);
    this.tracker.loggedIn(ok, HEADER_LENGTH, ok.length);
  }

  /** Whether another client could be given it: logged in for certain, nothing under way, no transaction open. */
  get reusable(): boolean {
    return !this.closed && !this.changing && this.terms !== undefined && this.tracker.idle &&
      this.responses.atBoundary &&
      !this.tracker.inTransaction;
  }

  /** The server's version as scripts know it, such as 90704; `undefined` before it has greeted. */
  get version(): number | undefined {
    const version = this.handshake === undefined ? undefined : parseServerVersion(this.handshake.serverVersion);
    return version === undefined ? undefined : versionNumber(version);
  }
}

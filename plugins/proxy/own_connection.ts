/**
 * A connection of the proxy's own to a backend, for the queries of scripts: logs in, runs one command after the other.
 *
 * @module
 */
import { ClientLogin, type ClientSession } from "../../lib/core/client_login.ts";
import { ClientQuery, type ClientResult } from "../../lib/core/client_query.ts";
import type { BackendTls } from "../../lib/core/login_policy.ts";
import type { Address } from "../../lib/net/address.ts";
import { connect } from "../../lib/net/connect.ts";
import { NetError } from "../../lib/net/net_error.ts";
import type { Stream, TlsOutcome } from "../../lib/net/stream.ts";
import type { ClientTlsContext } from "../../lib/net/tls_context.ts";
import {
  Command,
  encodeCommand,
  encodePacket,
  encodeProxyHeader,
  type ErrPacket,
  ProtocolError,
} from "../../lib/protocol/mod.ts";

/** A backend, and how it wants to be spoken to. */
export interface OwnTarget {
  /** For messages. */
  readonly name: string;
  readonly address: Address;
  /** There is no client: `as-client` is like `preferred`. */
  readonly tls: BackendTls;
  /** Called when TLS begins. */
  readonly tlsContext: () => ClientTlsContext;
  readonly proxyProtocol: 0 | 1 | 2;
}

/** Whom to log in as. */
export interface OwnAccount {
  readonly user: string;
  readonly password: string;
  readonly database?: string;
}

/** Why there is no outcome. */
export type OwnQueryErrorCode =
  | "cannot-connect"
  | "timed-out"
  | "no-tls"
  /** The server has turned the login down; its error number is there. */
  | "refused"
  /** The account needs a way to log in that there is not. */
  | "cannot-log-in"
  | "closed"
  | "too-large"
  | "malformed";

/** A query of the proxy's own that has come to nothing; the message names the backend. */
export class OwnQueryError extends Error {
  readonly code: OwnQueryErrorCode;
  /** Of the server's ERR packet. */
  readonly errorNumber: number | undefined;
  readonly sqlState: string | undefined;

  constructor(
    code: OwnQueryErrorCode,
    target: { readonly name: string },
    reason: string,
    { err, cause }: { readonly err?: ErrPacket; readonly cause?: unknown } = {},
  ) {
    super(`Cannot query backend ${target.name}: ${reason}`, cause === undefined ? {} : { cause });
    this.name = "OwnQueryError";
    this.code = code;
    this.errorNumber = err?.errorNumber;
    this.sqlState = err?.sqlState;
  }
}

/** The most memory that a result may take, in bytes. */
const RESULT_LIMIT = 64 * 1024 * 1024;

/** Servers show it in their tables of connections. */
const ATTRIBUTES: ReadonlyMap<string, string> = new Map([
  ["_client_name", "mysql-proxy"],
  ["program_name", "mysql-proxy"],
]);

/** What makes a session as it was after the login; the character set gets lost with COM_RESET_CONNECTION. */
const RESET_STATEMENTS = [
  encodeCommand(Command.COM_RESET_CONNECTION),
  encodeCommand(Command.COM_QUERY, "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci"),
];

/** What waits for bytes of the server. */
interface Exchange {
  receive(bytes: Uint8Array): void;
  reject(error: Error): void;
}

/** One connection; one command at a time. */
export class OwnConnection {
  readonly #target: OwnTarget;
  readonly #stream: Stream;
  readonly #resultLimit: number;
  #session: ClientSession | undefined;
  #exchange: Exchange | undefined;
  #failure: Error | undefined;
  #schemaChanged = false;

  /** Resolves when the socket is closed. */
  readonly ended: Promise<void>;

  private constructor(target: OwnTarget, stream: Stream, resultLimit: number) {
    this.#target = target;
    this.#stream = stream;
    this.#resultLimit = resultLimit;
    this.ended = this.#run();
  }

  /**
   * Connects and logs in.
   *
   * @param options.timeout to connect, in seconds; the login takes as long as it takes.
   * @param options.signal gives up.
   * @throws {OwnQueryError}
   * @throws the signal's reason.
   */
  static async open(
    target: OwnTarget,
    account: OwnAccount,
    { timeout, signal, resultLimit = RESULT_LIMIT }: {
      readonly timeout: number;
      readonly signal: AbortSignal;
      readonly resultLimit?: number;
    },
  ): Promise<OwnConnection> {
    signal.throwIfAborted();
    let stream: Stream;
    try {
      stream = await connect(target.address, { timeout, signal });
    } catch (cause) {
      if (signal.aborted || !(cause instanceof NetError)) throw signal.aborted ? signal.reason : cause;
      const code = cause.code === "timed-out" ? "timed-out" : "cannot-connect";
      throw new OwnQueryError(code, target, cause.message, { cause });
    }
    const connection = new OwnConnection(target, stream, resultLimit);
    const giveUp = () => connection.destroy(signal.reason);
    signal.addEventListener("abort", giveUp);
    // Since it was connected.
    if (signal.aborted) giveUp();
    try {
      await connection.#logIn(account);
      return connection;
    } catch (error) {
      await connection.ended;
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  /** Whether it can take a command. */
  get usable(): boolean {
    return this.#failure === undefined && this.#session !== undefined && this.#exchange === undefined;
  }

  /**
   * Runs a statement.
   *
   * @throws {OwnQueryError} if there is no outcome; the connection is closed then.
   */
  async query(sql: Uint8Array): Promise<ClientResult["outcome"]> {
    return (await this.#command(encodeCommand(Command.COM_QUERY, sql))).outcome;
  }

  /** Makes the session as it was after the login; whether that has come off. */
  async reset(): Promise<boolean> {
    // Nothing can bring back the state without a database.
    if (this.#schemaChanged) return false;
    try {
      for (const payload of RESET_STATEMENTS) {
        if ((await this.#command(payload)).outcome.kind === "error") return false;
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Says goodbye. */
  close(): void {
    if (this.#failure !== undefined) return;
    this.#failure = new OwnQueryError("closed", this.#target, "the connection was given up");
    this.#stream.write(encodePacket(encodeCommand(Command.COM_QUIT), 0));
    this.#stream.end(false);
  }

  /** Closes the socket at once; who waits for an outcome gets `reason`. */
  destroy(reason: Error): void {
    this.#failure ??= reason;
    this.#stream.destroy();
    this.#exchange?.reject(reason);
  }

  async #run(): Promise<void> {
    const fail = (reason?: string) => {
      const why = reason === undefined ? "" : `: ${reason}`;
      this.destroy(new OwnQueryError("closed", this.#target, `it closed the connection${why}`));
    };
    if (this.#target.proxyProtocol !== 0) {
      // Nobody's connection but the proxy's own.
      this.#stream.write(encodeProxyHeader(this.#target.proxyProtocol, undefined, undefined));
    }
    const end = await this.#stream.run({
      data: (view) => {
        // A server that speaks unasked is about to close.
        if (this.#exchange === undefined) fail();
        else this.#exchange.receive(view);
        return undefined;
      },
      busy: () => this.#exchange !== undefined,
      // Its last word may still be to be read.
      broken: () => {},
    });
    fail(end.kind === "failed" ? end.reason : undefined);
  }

  async #logIn({ user, password, database }: OwnAccount): Promise<void> {
    const target = this.#target;
    const login = new ClientLogin({
      user,
      password,
      tls: target.tls,
      socket: target.address.transport === "unix",
      attributes: ATTRIBUTES,
      ...(database === undefined ? {} : { database }),
    });
    const secured = (outcome: TlsOutcome) => {
      if (outcome.kind !== "secured") {
        return this.destroy(new OwnQueryError("no-tls", target, `no TLS with it: ${outcome.reason}`));
      }
      const step = login.secured();
      if (step.kind === "more") this.#stream.write(step.write);
      else if (step.kind === "failed") this.destroy(new OwnQueryError("cannot-log-in", target, step.reason));
    };
    this.#session = await this.#converse((bytes) => {
      const step = login.receive(bytes);
      switch (step.kind) {
        case "more":
          if (step.write.length > 0) this.#stream.write(step.write);
          return undefined;
        case "secure":
          this.#stream.write(step.write);
          this.#stream.secure(target.tlsContext(), step.rest, secured);
          return undefined;
        case "in":
          return step.session;
        case "refused": {
          const { errorNumber, message } = step.err;
          throw new OwnQueryError("refused", target, `${message} (error ${errorNumber})`, { err: step.err });
        }
        case "failed":
          throw new OwnQueryError("cannot-log-in", target, step.reason);
      }
    });
  }

  async #command(payload: Uint8Array): Promise<ClientResult> {
    if (this.#session === undefined) throw new TypeError("A command before the login");
    const query = new ClientQuery(payload, this.#session.capabilities, this.#resultLimit);
    const done = this.#converse((bytes) => query.receive(bytes));
    this.#stream.write(query.packet);
    const result = await done;
    if (result.schemaChanged) this.#schemaChanged = true;
    return result;
  }

  /** Gives `receive` the server's bytes until it returns something; what it throws ends the connection. */
  #converse<Result>(receive: (bytes: Uint8Array) => Result | undefined): Promise<Result> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#exchange !== undefined) throw new TypeError("A command while another one is under way");
    return new Promise<Result>((resolve, reject) => {
      this.#exchange = {
        receive: (bytes) => {
          try {
            const result = receive(bytes);
            if (result === undefined) return;
            this.#exchange = undefined;
            resolve(result);
          } catch (error) {
            this.destroy(this.#named(error));
          }
        },
        reject: (error) => {
          this.#exchange = undefined;
          reject(error);
        },
      };
    });
  }

  #named(error: unknown): Error {
    if (error instanceof ProtocolError) {
      const code = error.code === "too-large" ? "too-large" : "malformed";
      return new OwnQueryError(code, this.#target, error.message, { cause: error });
    }
    return error instanceof Error ? error : new Error(String(error));
  }
}

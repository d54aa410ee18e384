/**
 * COM_CHANGE_USER through a proxy that reaches client and server in different ways: an authentication of its own.
 *
 * Where both are reached in the same way the packets go through like those of any other command.
 *
 * @module
 */
import { changeUserWithResponse, HEADER_LENGTH, parseChangeUser } from "../protocol/mod.ts";
import { Authentication, type AuthStep, type FirstStep, type Transport, WRONG_KEY } from "./authentication.ts";
import type { PasswordKeys } from "./login_policy.ts";
import { PacketExchange } from "./packet_exchange.ts";

/** What the login has left for changes of user. */
export interface ChangeUserTerms {
  readonly keys: PasswordKeys;
  readonly client: Transport;
  readonly server: Transport;
  /** What client and server agreed on. */
  readonly capabilities: bigint;
  readonly plugin: string;
  readonly nonce: Uint8Array;
}

/** How sha256_password says that there is none. */
const EMPTY_PASSWORD = Uint8Array.of(0);

/** One change of user, from the command to its OK or ERR. */
export class ChangeUser extends PacketExchange {
  readonly #terms: ChangeUserTerms;
  readonly #authentication: Authentication;
  /** The command, until it has been passed on. */
  #command: Uint8Array | undefined;
  #begun = false;

  constructor(terms: ChangeUserTerms) {
    super();
    this.#terms = terms;
    const { keys, client, server, plugin, nonce } = terms;
    this.#authentication = new Authentication(keys, client, server, plugin, nonce);
  }

  /** The terms of the next change: nonces change. */
  get terms(): ChangeUserTerms {
    return { ...this.#terms, nonce: this.#authentication.nonce };
  }

  /** The plugin that the nonce was given for. */
  get plugin(): string {
    return this.#authentication.plugin;
  }

  /** The client's answer to the nonce, see {@linkcode Authentication.proof}. */
  get proof(): Uint8Array | undefined {
    return this.#authentication.proof;
  }

  /**
   * Takes a packet with its header: the command first, then what goes on with it.
   *
   * @throws {ProtocolError} if it is malformed.
   */
  fromClient(packet: Uint8Array): AuthStep {
    const payload = packet.subarray(HEADER_LENGTH);
    if (!this.#begun) {
      this.#begun = true;
      this.#command = payload;
      const { authPluginName, authResponse } = parseChangeUser(payload, this.#terms.capabilities);
      return this.#goOn(this.#authentication.first(authPluginName, authResponse));
    }
    return this.#command === undefined
      ? this.#authentication.fromClient(payload)
      : this.#goOn(this.#authentication.firstAnswer(payload));
  }

  /**
   * Takes a packet of the server with its header.
   *
   * @throws {ProtocolError} if it is malformed.
   */
  fromServer(packet: Uint8Array): AuthStep {
    return this.#authentication.fromServer(packet.subarray(HEADER_LENGTH));
  }

  #goOn(step: FirstStep): AuthStep {
    switch (step.kind) {
      case "refuse":
        // What cannot be decrypted was made for another nonce, and a server that sees that gives a new one.
        return step.refusal === WRONG_KEY ? this.#goOn({ kind: "send", data: EMPTY_PASSWORD }) : step;
      case "ask":
        return { kind: "to-client", payload: step.payload, then: "turn_client" };
      case "send": {
        const command = this.#command!;
        this.#command = undefined;
        return { kind: "to-server", payload: changeUserWithResponse(command, this.#terms.capabilities, step.data) };
      }
    }
  }
}

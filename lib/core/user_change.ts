/**
 * A change of user in the traffic of a script: both sides speak in turn until the server's OK or ERR.
 *
 * @module
 */
import { parseChangeUser, ProtocolError } from "../protocol/mod.ts";
import { ChangeUser } from "./change_user.ts";
import type { Side } from "./effects.ts";
import type { PasswordKeys } from "./login_policy.ts";
import type { Transport } from "./authentication.ts";
import type { Identity, ServerLink } from "./server_link.ts";
import type { TrafficHost } from "./traffic.ts";

/** How a change has ended. */
export type ChangeResult =
  | { readonly kind: "changed"; readonly identity: Identity; readonly database: string; readonly charset: number }
  | { readonly kind: "refused" };

/** One change, from the command on. */
export class UserChange {
  readonly #host: TrafficHost;
  readonly #link: ServerLink;
  readonly #exchange: ChangeUser;
  readonly #ended: (result: ChangeResult, packet: Uint8Array) => void;
  /** The command's payload, once it has come. */
  #command: Uint8Array | undefined;
  #over = false;

  /** @param ended is called when the server's verdict, a packet with its header, has been passed on. */
  constructor(
    host: TrafficHost,
    link: ServerLink,
    client: { readonly keys: PasswordKeys; readonly transport: Transport },
    ended: (result: ChangeResult, packet: Uint8Array) => void,
  ) {
    this.#host = host;
    this.#link = link;
    this.#ended = ended;
    const { transport: server, capabilities, plugin, nonce } = link.terms!;
    this.#exchange = new ChangeUser({
      keys: client.keys,
      client: client.transport,
      server,
      capabilities,
      plugin,
      nonce,
    });
    link.changing = true;
  }

  /** The sequence id that the client expects of the next packet. */
  get nextSequenceId(): number {
    return this.#exchange.nextSequenceId("client");
  }

  /** Takes bytes of a side from `at` on; returns where those end that belong to the change. */
  take(from: Side, chunk: Uint8Array, at: number): number {
    try {
      while (at < chunk.length && !this.#over && this.#host.clientOpen) {
        const collected = this.#exchange.collect(from, chunk, at);
        at = collected.at;
        if (collected.packet === undefined) return at;
        this.#step(from, collected.packet);
      }
      return at;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#host.garbled(from, error);
      return chunk.length;
    }
  }

  #step(from: Side, packet: Uint8Array): void {
    const exchange = this.#exchange;
    const first = this.#command === undefined;
    if (first) this.#command = packet.slice(4);
    const step = from === "client" ? exchange.fromClient(packet) : exchange.fromServer(packet);
    switch (step.kind) {
      case "refuse":
        return this.#host.refuse(step.refusal);
      case "to-server":
        return this.#host.toServer(exchange.packetFor("server", step.payload), first);
      case "to-client":
        this.#host.toClient(exchange.packetFor("client", step.payload));
        if (step.then !== "logged_in" && step.then !== "refused") return;
        this.#over = true;
        this.#ended(step.then === "refused" ? { kind: "refused" } : this.#changed(packet), packet);
    }
  }

  /** @param ok the server's last packet. */
  #changed(ok: Uint8Array): ChangeResult {
    const link = this.#link;
    const terms = link.terms!;
    const { proof, plugin, terms: { nonce } } = this.#exchange;
    const change = parseChangeUser(this.#command!, terms.capabilities);
    // Without one it is the server's default, as with 0 at a login.
    const { username, authResponse, database, authPluginName, charset = 0 } = change;
    const identity = { username, authResponse, authPluginName, proof };
    link.loggedIn({ ...terms, charset, nonce, plugin }, identity, database, ok);
    return { kind: "changed", identity, database, charset };
  }
}

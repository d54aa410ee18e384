/**
 * The TLS contexts of an event thread, and their renewal when the certificate's files change.
 *
 * @module
 */
import { reloadServerTls, type ServerTls } from "../../lib/net/server_certificate.ts";
import {
  type ClientTlsContext,
  clientTlsContext,
  type ServerTlsContext,
  serverTlsContext,
} from "../../lib/net/tls_context.ts";
import { checkTlsContext } from "../../lib/net/tls_provider.ts";
import { WatchedFiles } from "../../lib/net/watched_files.ts";
import type { Log } from "../../lib/plugin/mod.ts";
import type { Setup } from "./setup.ts";

/** Made once; contexts are made when first needed, so that a thread without TLS never loads it. */
export class ThreadTls {
  readonly #setup: Setup;
  readonly #log: Log;
  readonly #files: WatchedFiles | undefined;
  readonly #backends: (ClientTlsContext | undefined)[] = [];
  #source: ServerTls | undefined;
  #server: ServerTlsContext | undefined;
  #checking = false;

  constructor(setup: Setup, log: Log) {
    this.#setup = setup;
    this.#log = log;
    this.#source = setup.serverTls;
    const { cert, key, ca } = setup.serverTls?.files ?? {};
    const paths = [cert, key, ca].filter((path) => path !== undefined);
    if (paths.length > 0) this.#files = new WatchedFiles(paths, setup.serverTls?.stamp);
  }

  /** For clients; only where TLS is offered to them. */
  get server(): ServerTlsContext {
    if (this.#source === undefined) throw new TypeError("TLS is not offered to clients");
    return this.#server ??= serverTlsContext(this.#source);
  }

  /** For the backend with this index. */
  backend(index: number): ClientTlsContext {
    const terms = this.#setup.terms[index];
    if (terms === undefined) throw new RangeError(`There is no backend ${index}`);
    return this.#backends[index] ??= clientTlsContext(terms.tlsOptions);
  }

  /** Takes new certificate files, if there are any; bad ones are told of and the old certificate stays. */
  async checkFiles(): Promise<void> {
    const source = this.#source;
    if (this.#files === undefined || source === undefined || this.#checking) return;
    this.#checking = true;
    try {
      if (!await this.#files.changed()) return;
      const renewed = await reloadServerTls(source);
      const context = serverTlsContext(renewed);
      checkTlsContext(context);
      this.#server = context;
      this.#source = renewed;
      this.#log.write("message", `New TLS certificate for clients, SHA-256 ${renewed.fingerprint}`);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.write("warning", `The TLS certificate for clients stays as it was: ${reason}`);
    } finally {
      this.#checking = false;
    }
  }
}

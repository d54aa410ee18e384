/**
 * What the main half works out once and every event thread uses.
 *
 * @module
 */
import {
  type BackendEntry,
  type BackendMemory,
  Backends,
  BackendType,
  type BackendType as Type,
} from "../../lib/core/backends.ts";
import type { LoginPolicy } from "../../lib/core/login_policy.ts";
import { AcceptTurn } from "../../lib/net/accept_turn.ts";
import { type Address, formatAddress, parseAddress, resolveAddress } from "../../lib/net/address.ts";
import { Networks } from "../../lib/net/network.ts";
import { loadPasswordKeys } from "../../lib/net/password_keys.ts";
import { loadServerTls, type ServerTls } from "../../lib/net/server_certificate.ts";
import { serverTlsContext } from "../../lib/net/tls_context.ts";
import { checkTlsContext, tlsAvailable } from "../../lib/net/tls_provider.ts";
import { TLS_OPTIONS, type TlsValues } from "../../lib/net/tls_options.ts";
import { type Log, type OptionValues, valuesOf } from "../../lib/plugin/mod.ts";
import { type BackendTerms, type HostedBackend, prepareBackendTerms, readAlgorithms } from "./backend_terms.ts";
import type { ProxyValues } from "./options.ts";
import { prepareScripts, type ScriptSetup } from "./script_setup.ts";

/** Survives structured clone. */
export interface Setup {
  /** Where to listen, as asked for: a port of 0 stays 0, since threads share a socket by the address they ask for. */
  readonly listen: readonly Address[];
  /** The backends' addresses, by index. */
  readonly backends: readonly Address[];
  readonly backendMemory: BackendMemory;
  readonly acceptMemory: SharedArrayBuffer;
  readonly connectTimeout: number;
  readonly readTimeout: number;
  readonly writeTimeout: number;
  readonly loginTimeout: number;
  readonly policy: LoginPolicy;
  /** How the backends are reached, by index. */
  readonly terms: readonly BackendTerms[];
  /** There if clients are offered TLS. */
  readonly serverTls: ServerTls | undefined;
  /** Who may tell the client's address, see `Networks`. */
  readonly proxyNetworks: readonly string[];
  /** There if a script is to look at what goes by. */
  readonly scripts: ScriptSetup | undefined;
}

/** A backend as given and as resolved. */
interface ResolvedBackend extends HostedBackend {
  readonly address: Address;
  readonly type: Type;
}

/**
 * Reads the addresses, resolves host names, and reads certificates.
 *
 * @throws {NetError} for a bad or unknown address, or a bad certificate.
 * @throws {Error} for a backend that is given twice, or none, and options that are none.
 */
export async function prepareSetup(
  values: ProxyValues,
  all: OptionValues,
  threads: number,
  log: Log,
): Promise<Setup> {
  const tls = valuesOf(TLS_OPTIONS, all);
  const listen = await Promise.all(
    values["proxy-address"].map((text) => resolveAddress(parseAddress(text))),
  );
  if (listen.length === 0) throw new Error("There is no address to listen on, give --proxy-address");
  const readWrite = values["proxy-backend-addresses"].map((text) => resolve(text, BackendType.RW));
  const readOnly = values["proxy-read-only-backend-addresses"].map((text) => resolve(text, BackendType.RO));
  const backends = await Promise.all([...readWrite, ...readOnly]);
  if (backends.length === 0) throw new Error("There is no backend, give --proxy-backend-addresses");
  const seen = new Set<string>();
  for (const { name } of backends) {
    if (seen.has(name)) throw new Error(`Backend ${name} is already known, name it once`);
    seen.add(name);
  }
  const terms = await prepareBackendTerms(values, backends, log);
  warnOfSockets(backends, log);
  const serverTls = await prepareServerTls(tls, log);
  const proxyNetworks = values["proxy-protocol-networks"];
  new Networks(proxyNetworks);
  const scripts = await prepareScripts(values, all, threads);
  return {
    listen,
    backends: backends.map(({ address }) => address),
    backendMemory: Backends.allocate(backends.map(({ name, type }): BackendEntry => ({ name, type }))),
    acceptMemory: AcceptTurn.allocate(threads),
    connectTimeout: values["proxy-connect-timeout"],
    readTimeout: values["proxy-read-timeout"],
    writeTimeout: values["proxy-write-timeout"],
    loginTimeout: values["proxy-login-timeout"],
    policy: {
      clientTls: serverTls?.mode ?? "disabled",
      clientCompression: readAlgorithms("compression-algorithms", values["compression-algorithms"]),
      passwordKeys: await loadPasswordKeys(tls, log),
      backends: backends.map(({ address }, index) => ({
        tls: terms[index]!.tls,
        socket: address.transport === "unix",
        compression: terms[index]!.compression,
      })),
      scripted: scripts !== undefined,
      poolWithoutChangeUser: values["proxy-pool-no-change-user"],
    },
    scripts,
    terms,
    serverTls,
    proxyNetworks,
  };
}

/** A server knows who is at the other end of a Unix socket, and here that is always the proxy. */
function warnOfSockets(backends: readonly ResolvedBackend[], log: Log): void {
  for (const { address, name } of backends) {
    if (address.transport !== "unix") continue;
    log.write(
      "warning",
      `Backend ${name} sees every client as the proxy's system user: accounts that log in by it (auth_socket, ` +
        "unix_socket) are open to all clients, reach the backend by TCP if it has such accounts",
    );
  }
}

async function resolve(text: string, type: Type): Promise<ResolvedBackend> {
  const given = parseAddress(text);
  const address = await resolveAddress(given);
  const host = given.transport === "tcp" ? given.hostname : undefined;
  return { text, host, address, name: formatAddress(address), type };
}

async function prepareServerTls(values: TlsValues, log: Log): Promise<ServerTls | undefined> {
  if (tlsAvailable() || values["ssl-mode"] === "disabled") {
    const tls = await loadServerTls(values, log);
    if (tls !== undefined) checkTlsContext(serverTlsContext(tls));
    return tls;
  }
  const why = `There is no TLS here: Deno ${Deno.version.deno} has none for us, and OpenSSL 3 cannot be loaded`;
  if (values["ssl-mode"] === "required") throw new Error(`${why}, which "--ssl-mode=required" needs`);
  log.write("warning", `${why}: clients are served without it, and so are backends where it is only preferred`);
  return undefined;
}

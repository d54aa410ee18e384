/**
 * How each backend is to be reached: TLS, compression, PROXY protocol.
 *
 * @module
 */
import type { BackendTls } from "../../lib/core/login_policy.ts";
import { checkKeyMode, parseCertificates, parseKeyPair, readPemFile } from "../../lib/net/pem.ts";
import { checkTlsContext, tlsAvailable } from "../../lib/net/tls_provider.ts";
import { clientTlsContext, type ClientTlsOptions } from "../../lib/net/tls_context.ts";
import type { Log } from "../../lib/plugin/mod.ts";
import { COMPRESSION_ALGORITHMS, type CompressionAlgorithm } from "../../lib/protocol/mod.ts";
import type { ProxyValues } from "./options.ts";
import { type NamedBackend, PerBackend } from "./per_backend.ts";

/** Plain data, for one backend. */
export interface BackendTerms {
  readonly tls: BackendTls;
  readonly tlsOptions: ClientTlsOptions;
  readonly compression: readonly CompressionAlgorithm[];
  /** The version of the PROXY protocol, 0 for none. */
  readonly proxyProtocol: 0 | 1 | 2;
}

const MODES: Readonly<Record<string, Pick<BackendTerms, "tls"> & Pick<ClientTlsOptions, "verification">>> = {
  "disabled": { tls: "disabled", verification: "none" },
  "preferred": { tls: "preferred", verification: "none" },
  "required": { tls: "required", verification: "none" },
  "verify-ca": { tls: "required", verification: "ca" },
  "verify-identity": { tls: "required", verification: "identity" },
  "as-client": { tls: "as-client", verification: "none" },
};

const PROXY_PROTOCOLS: Readonly<Record<string, 0 | 1 | 2>> = { none: 0, v1: 1, v2: 2 };

/** A backend with the host of its address before it was resolved; `undefined` for a Unix socket. */
export interface HostedBackend extends NamedBackend {
  readonly host: string | undefined;
}

/**
 * Reads the options and the files that they name.
 *
 * @throws {Error} for a value that is none, and TLS that this runtime cannot do.
 * @throws {NetError} `bad-certificate` for a file that cannot be read or used.
 */
export async function prepareBackendTerms(
  values: ProxyValues,
  backends: readonly HostedBackend[],
  log: Log,
): Promise<BackendTerms[]> {
  const of = (option: keyof ProxyValues & `backend-${string}`) => new PerBackend(option, values[option], backends);
  const modes = of("backend-ssl-mode");
  const cas = of("backend-ssl-ca");
  const certs = of("backend-ssl-cert");
  const keys = of("backend-ssl-key");
  const names = of("backend-ssl-server-name");
  const compressions = of("backend-compression-algorithms");
  const proxyProtocols = of("backend-proxy-protocol");
  return await Promise.all(backends.map(async (backend): Promise<BackendTerms> => {
    const mode = choose("backend-ssl-mode", modes.last(backend) ?? "preferred", MODES);
    const [ca, cert, key] = [cas, certs, keys].map((option) => option.last(backend));
    if ((cert === undefined) !== (key === undefined)) {
      const missing = cert === undefined ? "--backend-ssl-cert" : "--backend-ssl-key";
      throw new Error(`A certificate for backends needs its key, "${missing}" is missing for ${backend.text}`);
    }
    const serverName = names.last(backend) ?? backend.host;
    const tlsOptions: ClientTlsOptions = {
      verification: mode.verification,
      ...(serverName === undefined ? {} : { serverName }),
      ...(ca === undefined ? {} : { ca: await readAuthorities(ca) }),
      ...(cert === undefined || key === undefined ? {} : await readPair(cert, key, log)),
    };
    if (mode.verification === "identity" && serverName === undefined) {
      throw new Error(`"verify-identity" needs a name for ${backend.text}, give it with --backend-ssl-server-name`);
    }
    return {
      tls: availableTls(mode.tls),
      tlsOptions: checked(tlsOptions),
      compression: readAlgorithms("backend-compression-algorithms", compressions.all(backend)),
      proxyProtocol: choose("backend-proxy-protocol", proxyProtocols.last(backend) ?? "none", PROXY_PROTOCOLS),
    };
  }));
}

/**
 * The algorithms that an option names, without `uncompressed`, which always works.
 *
 * @throws {Error} for one that there is not.
 */
export function readAlgorithms(option: string, names: readonly string[]): CompressionAlgorithm[] {
  const known: Record<string, CompressionAlgorithm | undefined> = {
    zlib: "zlib",
    zstd: "zstd",
    uncompressed: undefined,
  };
  return names.map((name) => choose(option, name, known))
    .filter((name): name is CompressionAlgorithm => name !== undefined && COMPRESSION_ALGORITHMS.includes(name));
}

function choose<Value>(option: string, text: string, known: Readonly<Record<string, Value>>): Value {
  if (!Object.hasOwn(known, text)) {
    throw new Error(`"--${option}" must be one of ${Object.keys(known).join(", ")}, got "${text}"`);
  }
  return known[text]!;
}

/** Certificates and keys are looked at once at start, so that a bad one is no surprise to the first client. */
function checked(options: ClientTlsOptions): ClientTlsOptions {
  if (tlsAvailable()) checkTlsContext(clientTlsContext(options));
  return options;
}

function availableTls(tls: BackendTls): BackendTls {
  if (tls === "disabled" || tlsAvailable()) return tls;
  if (tls === "preferred") return "disabled";
  const why = `There is no TLS here: Deno ${Deno.version.deno} has none for us, and OpenSSL 3 cannot be loaded`;
  throw new Error(`${why}, which "--backend-ssl-mode" needs`);
}

async function readAuthorities(path: string): Promise<string> {
  return parseCertificates(await readPemFile(path, "the CA certificates for backends"), path).pem;
}

async function readPair(cert: string, key: string, log: Log): Promise<{ readonly cert: string; readonly key: string }> {
  const pair = parseKeyPair({
    cert: await readPemFile(cert, "the certificate for backends"),
    key: await readPemFile(key, "the private key for backends"),
  }, { cert, key });
  await checkKeyMode(key, log);
  return { cert: pair.cert, key: pair.key };
}

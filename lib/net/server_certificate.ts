/**
 * Where the certificate that clients see comes from: from options, from the data folder, or freshly made.
 *
 * @module
 */
import { join } from "node:path";
import type { Log } from "../plugin/mod.ts";
import { dataFolder } from "./data_folder.ts";
import { keep, type Keeping, readKept } from "./kept_files.ts";
import { NetError } from "./net_error.ts";
import { OncePerRun } from "./once_per_run.ts";
import { loadPasswordKeys, type PasswordKeys } from "./password_keys.ts";
import { checkKeyMode, type KeyPair, parseCertificates, parseKeyPair, readPemFile } from "./pem.ts";
import { makeSelfSigned } from "./self_signed.ts";
import { checkTlsOptions, type TlsValues } from "./tls_options.ts";
import { stampOf } from "./watched_files.ts";

/** All that is needed to offer TLS to clients. Plain data: it survives structured clone. */
export interface ServerTls {
  readonly mode: "preferred" | "required";
  /** PEM, the server's own certificate first. */
  readonly cert: string;
  /** PEM, PKCS #8. */
  readonly key: string;
  /** PEM of those who may have signed a client's certificate; without it clients are not asked for one. */
  readonly ca?: string;
  readonly requireClientCert: boolean;
  readonly passwordKeys: PasswordKeys;
  /** Paths of what options named. Files of the program's own making are not among them. */
  readonly files: TlsFiles;
  /** What {@linkcode stampOf} said of the values of `files` before they were read, for `WatchedFiles`. */
  readonly stamp: string;
  /** SHA-256 of the server's own certificate, as `AB:CD:…`. */
  readonly fingerprint: string;
}

/** Paths by what is in the files. */
export interface TlsFiles {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

/** MySQL's names for the same files in its own data folder. */
const CERT_FILE = "server-cert.pem";
const KEY_FILE = "server-key.pem";

const runs = new OncePerRun<ServerTls | undefined>();

/**
 * Reads or makes what is needed to offer TLS to clients, and logs the certificate's fingerprint. Call it on the main
 * thread; after the first time in a run it is cheap.
 *
 * @returns `undefined` for `--ssl-mode=disabled`.
 * @throws {NetError} `bad-option`, or `bad-certificate` if a file that an option names is missing or useless.
 */
export function loadServerTls(values: TlsValues, log: Log): Promise<ServerTls | undefined> {
  return runs.get(log, JSON.stringify(values), () => load(values, log));
}

async function load(values: TlsValues, log: Log): Promise<ServerTls | undefined> {
  checkTlsOptions(values);
  const { "ssl-mode": mode, "ssl-cert": cert, "ssl-key": key, "ssl-ca": ca } = values;
  if (mode === "disabled") return undefined;
  const files: TlsFiles = {
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(ca === undefined ? {} : { ca }),
  };
  const fromFiles = await readFiles(files, log);
  const passwordKeys = await loadPasswordKeys(values, log);
  const rest = { mode, requireClientCert: values["ssl-require-client-cert"], passwordKeys, files };
  const { pair, ...others } = fromFiles;
  if (pair !== undefined) {
    log.write("message", `TLS certificate ${cert}, SHA-256 ${pair.fingerprint}`);
    return { ...rest, ...others, ...shown(pair) };
  }
  const { value: own, folder } = await keep(dataFolder(values["data-dir"]), KEEPING, log);
  log.write("message", describe(own, folder));
  return { ...rest, ...others, ...shown(own) };
}

/**
 * Reads the files anew that options named. What the program made itself stays.
 *
 * @throws {NetError} `bad-certificate` if a file is missing or useless: go on with `current` then, and try again when the
 *   files change the next time. Between the writing of certificate and key they do not fit each other.
 */
export async function reloadServerTls(current: ServerTls, log?: Log): Promise<ServerTls> {
  const { pair, ...others } = await readFiles(current.files, log);
  return { ...current, ...others, ...(pair === undefined ? {} : shown(pair)) };
}

/** What the options' files hold; `pair` is missing if none of them is a certificate. */
interface FromFiles {
  readonly pair?: KeyPair;
  readonly ca?: string;
  readonly stamp: string;
}

async function readFiles(files: TlsFiles, log: Log | undefined): Promise<FromFiles> {
  const { cert, key, ca } = files;
  // Before reading: what changes meanwhile is then read once more, rather than never.
  const stamp = await stampOf(Object.values(files));
  return {
    stamp,
    ...(cert === undefined || key === undefined ? {} : { pair: await readPair({ cert, key }, log) }),
    ...(ca === undefined ? {} : { ca: parseCertificates(await readPemFile(ca, "the CA certificates"), ca).pem }),
  };
}

async function readPair(
  paths: { readonly cert: string; readonly key: string },
  log: Log | undefined,
): Promise<KeyPair> {
  const pair = parseKeyPair({
    cert: await readPemFile(paths.cert, "the certificate"),
    key: await readPemFile(paths.key, "the private key"),
  }, paths);
  if (log === undefined) return pair;
  await checkKeyMode(paths.key, log);
  const now = Date.now();
  const day = (date: Date) => date.toISOString().slice(0, "2026-01-01".length);
  if (pair.validTo.getTime() < now) {
    log.write(
      "warning",
      `The certificate in "${paths.cert}" has expired on ${day(pair.validTo)}, clients may refuse it`,
    );
  } else if (pair.validFrom.getTime() > now) {
    log.write(
      "warning",
      `The certificate in "${paths.cert}" is valid from ${day(pair.validFrom)} only, clients may refuse it`,
    );
  }
  return pair;
}

const KEEPING: Keeping<KeyPair> = {
  async read(folder) {
    const [cert, key] = [await readKept(folder, CERT_FILE), await readKept(folder, KEY_FILE)];
    if (cert === undefined && key === undefined) return undefined;
    const paths = { cert: join(folder, CERT_FILE), key: join(folder, KEY_FILE) };
    const pair = parseKeyPair({ cert: cert ?? "", key: key ?? "" }, paths);
    if (pair.validTo.getTime() < Date.now()) {
      throw new NetError("bad-certificate", `The certificate in "${paths.cert}" has expired`);
    }
    return pair;
  },
  async make() {
    const made = await makeSelfSigned();
    return parseKeyPair(made, { cert: CERT_FILE, key: KEY_FILE });
  },
  files: ({ cert, key }) => [
    { name: KEY_FILE, text: key, mode: 0o600 },
    { name: CERT_FILE, text: cert, mode: 0o644 },
  ],
};

function shown({ cert, key, fingerprint }: KeyPair): Pick<ServerTls, "cert" | "key" | "fingerprint"> {
  return { cert, key, fingerprint };
}

function describe({ fingerprint }: KeyPair, folder: string | undefined): string {
  if (folder === undefined) return `TLS certificate for this run only, SHA-256 ${fingerprint}`;
  const path = join(folder, CERT_FILE);
  return `TLS certificate ${path}, SHA-256 ${fingerprint}; clients verify it with --ssl-ca=${path} --ssl-mode=VERIFY_CA`;
}

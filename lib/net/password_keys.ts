/**
 * The RSA keys with which clients encrypt their password where they use no TLS (caching_sha2_password and
 * sha256_password). The program needs its own where it reads that password to pass it on inside TLS.
 *
 * @module
 */
import { generateKeyPair } from "node:crypto";
import { join } from "node:path";
import type { Log } from "../plugin/mod.ts";
import { dataFolder } from "./data_folder.ts";
import { keep, type Keeping, readKept } from "./kept_files.ts";
import { NetError } from "./net_error.ts";
import { OncePerRun } from "./once_per_run.ts";
import { checkKeyMode, parsePrivateKey, privateKeyToPem, publicKeyToPem, readPemFile } from "./pem.ts";
import type { TlsValues } from "./tls_options.ts";

/** Both halves of an RSA key, as PEM. Survives structured clone. */
export interface PasswordKeys {
  /** SubjectPublicKeyInfo, as clients ask for it. */
  readonly publicKey: string;
  /** PKCS #8. */
  readonly privateKey: string;
}

/** The size of the keys that MySQL makes for itself. */
const BITS = 2048;
/** MySQL's names for the same files in its own data folder. */
const PRIVATE_FILE = "private_key.pem";
const PUBLIC_FILE = "public_key.pem";

const runs = new OncePerRun<PasswordKeys>();

/**
 * The keys of `--password-private-key`, else those of the data folder, where they are made on first use. Call it on the
 * main thread; after the first time in a run it is cheap.
 *
 * @throws {NetError} `bad-certificate` if the file that the option names is missing or no RSA key.
 */
export function loadPasswordKeys(
  values: Pick<TlsValues, "password-private-key" | "data-dir">,
  log: Log,
): Promise<PasswordKeys> {
  const { "password-private-key": path, "data-dir": folder } = values;
  return runs.get(log, JSON.stringify([path, folder]), async () => {
    if (path === undefined) return (await keep(dataFolder(folder), KEEPING, log)).value;
    const keys = parseKeys(await readPemFile(path, "the private key"), path);
    await checkKeyMode(path, log);
    return keys;
  });
}

/** Makes new keys, which takes up to a second, though not of this thread. */
export async function makePasswordKeys(): Promise<PasswordKeys> {
  const { promise, resolve, reject } = Promise.withResolvers<PasswordKeys>();
  generateKeyPair("rsa", {
    modulusLength: BITS,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }, (error, publicKey, privateKey) => error ? reject(error) : resolve({ publicKey, privateKey }));
  return await promise;
}

const KEEPING: Keeping<PasswordKeys> = {
  async read(folder) {
    const text = await readKept(folder, PRIVATE_FILE);
    return text === undefined ? undefined : parseKeys(text, join(folder, PRIVATE_FILE));
  },
  make: makePasswordKeys,
  files: ({ publicKey, privateKey }) => [
    // Who reads looks for the private key: it comes last.
    { name: PUBLIC_FILE, text: publicKey, mode: 0o644 },
    { name: PRIVATE_FILE, text: privateKey, mode: 0o600 },
  ],
};

function parseKeys(text: string, path: string): PasswordKeys {
  const key = parsePrivateKey(text, path);
  if (key.asymmetricKeyType !== "rsa") {
    throw new NetError(
      "bad-certificate",
      `The private key in "${path}" is no RSA key: make one with "openssl genrsa -out FILE ${BITS}"`,
    );
  }
  return { publicKey: publicKeyToPem(key), privateKey: privateKeyToPem(key) };
}

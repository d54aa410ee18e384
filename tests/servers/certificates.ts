/**
 * Certificates for a test run, made with the openssl program: an authority, a server's for 127.0.0.1 and localhost, and a
 * client's.
 *
 * @module
 */

import { holdTempDir } from "./leash.ts";
import { run } from "./run_program.ts";

/** The paths of a certificate and its key (PEM, the key without a password). */
export interface KeyFiles {
  readonly cert: string;
  readonly key: string;
}

/** What an authority has signed; `ca` is the path of its own certificate. */
export interface Certificates {
  readonly ca: string;
  readonly server: KeyFiles;
  /** In the name of "test client". */
  readonly client: KeyFiles;
}

async function openssl(...args: string[]): Promise<void> {
  const { code, stderr } = await run(["openssl", ...args]);
  if (code !== 0) throw new Error(`openssl ${args[0]} fails: ${stderr}`);
}

const NEW_KEY = ["-newkey", "rsa:2048", "-nodes", "-sha256"];

/** Makes all of them in a folder that lasts until the run ends. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await holdTempDir("certificates");
  const ca = { cert: `${folder}/ca.pem`, key: `${folder}/ca-key.pem` };
  await openssl(
    "req",
    "-x509",
    ...NEW_KEY,
    "-days",
    "2",
    "-subj",
    "/CN=test authority",
    "-keyout",
    ca.key,
    "-out",
    ca.cert,
  );
  const sign = async (name: string, subject: string, extension: string): Promise<KeyFiles> => {
    const files = { cert: `${folder}/${name}.pem`, key: `${folder}/${name}-key.pem` };
    const request = `${folder}/${name}-request.pem`;
    await openssl("req", ...NEW_KEY, "-subj", `/CN=${subject}`, "-keyout", files.key, "-out", request);
    await Deno.writeTextFile(`${folder}/${name}.ext`, extension);
    const signed = ["-in", request, "-CA", ca.cert, "-CAkey", ca.key, "-set_serial", `${Date.now()}`, "-days", "2"];
    await openssl("x509", "-req", "-sha256", ...signed, "-extfile", `${folder}/${name}.ext`, "-out", files.cert);
    return files;
  };
  return {
    ca: ca.cert,
    server: await sign("server", "test server", "subjectAltName=IP:127.0.0.1,DNS:localhost"),
    client: await sign("client", "test client", "extendedKeyUsage=clientAuth"),
  };
}

/**
 * Certificates for tests, made by the `openssl` program when they are first asked for.
 *
 * @module
 */
import { holdTempDir, removeTempDir } from "../servers/leash.ts";

/** All PEM. */
export interface Certificates {
  readonly ca: string;
  /** Signed by `ca` for db.example, localhost and 127.0.0.1. */
  readonly leaf: string;
  readonly leafKey: string;
  /** Signed by `ca` for a client. */
  readonly client: string;
  readonly clientKey: string;
  /** Has signed none of them. */
  readonly otherCa: string;
}

/** Makes a new set; the folder it takes is gone when it returns. */
export async function makeCertificates(): Promise<Certificates> {
  const folder = await holdTempDir("certificates");
  const openssl = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command("openssl", { args, cwd: folder }).output();
    if (!success) throw new Error(`openssl ${args[0]} failed: ${new TextDecoder().decode(stderr)}`);
  };
  const authority = (name: string) =>
    openssl(
      ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"],
      ...["-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.pem`],
    );
  const signed = async (name: string, extensions: string) => {
    await openssl(
      ...["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", `/CN=${name}`],
      ...["-keyout", `${name}.key`, "-out", `${name}.csr`],
    );
    await Deno.writeTextFile(`${folder}/${name}.ext`, extensions);
    await openssl(
      ...["x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"],
      ...["-extfile", `${name}.ext`, "-out", `${name}.pem`],
    );
  };
  try {
    await authority("ca");
    await authority("other");
    await signed("leaf", "subjectAltName=DNS:db.example,DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n");
    await signed("client", "extendedKeyUsage=clientAuth\n");
    const read = (name: string) => Deno.readTextFile(`${folder}/${name}`);
    return {
      ca: await read("ca.pem"),
      leaf: await read("leaf.pem"),
      leafKey: await read("leaf.key"),
      client: await read("client.pem"),
      clientKey: await read("client.key"),
      otherCa: await read("other.pem"),
    };
  } finally {
    await removeTempDir(folder);
  }
}

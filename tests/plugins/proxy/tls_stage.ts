/**
 * What the tests of TLS share: certificates in files, and a client that tells how far it gets.
 *
 * @module
 */
import { makeCertificates } from "../../net/certificates.ts";
import type { TlsRequest } from "../../interop/raw_channel.ts";
import { RawLogin, ServerRefusal } from "../../interop/raw_login.ts";
import { holdTempDir } from "../../servers/leash.ts";
import { type Account, APP } from "../../servers/users.ts";
import { whyMissing } from "../../servers/servers.ts";
import { nodeTlsAvailable } from "../../../lib/net/node_tls_engine.ts";
import { tlsAvailable } from "../../../lib/net/tls_provider.ts";

/** Whether a test has to be left out: it needs TLS, also for a client of its own, and these kinds of servers. */
export function without(...kinds: readonly ("mariadb" | "mysql")[]): boolean {
  return !tlsAvailable() || !nodeTlsAvailable() || kinds.some((kind) => whyMissing(kind) !== undefined);
}

/** Paths of PEM files. */
export interface CertificateFiles {
  readonly folder: string;
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

/** Makes a set; the folder lasts until the run ends. */
export async function certificateFiles(): Promise<CertificateFiles> {
  const made = await makeCertificates();
  const folder = await holdTempDir("pem");
  const write = async (name: string, pem: string, mode = 0o644) => {
    await Deno.writeTextFile(`${folder}/${name}.pem`, pem, { mode });
    return `${folder}/${name}.pem`;
  };
  return {
    folder,
    ca: await write("ca", made.ca),
    leaf: await write("leaf", made.leaf),
    leafKey: await write("leaf-key", made.leafKey, 0o600),
    client: await write("client", made.client),
    clientKey: await write("client-key", made.clientKey, 0o600),
    otherCa: await write("other-ca", made.otherCa),
  };
}

/** How far a client gets, and whether the server sees it in TLS. */
export type Reached =
  | { readonly kind: "in"; readonly serverTls: boolean }
  | { readonly kind: "refused"; readonly errno: number; readonly message: string };

/** Logs in and asks the server whether it is encrypted. */
export async function reach(
  port: number,
  { tls, account = APP }: { readonly tls?: TlsRequest; readonly account?: Account } = {},
): Promise<Reached> {
  try {
    const { user, password } = account;
    using login = await RawLogin.connect({ port, user, answers: [password], ...(tls === undefined ? {} : { tls }) });
    const [[, cipher = ""] = []] = await login.query("SHOW STATUS LIKE 'Ssl_cipher'");
    await login.quit();
    return { kind: "in", serverTls: cipher !== "" };
  } catch (error) {
    if (!(error instanceof ServerRefusal)) throw error;
    return { kind: "refused", errno: error.errno, message: error.message };
  }
}

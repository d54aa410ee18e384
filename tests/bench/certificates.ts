/**
 * The certificate of the bench, under the names that servers, MySQL Router and sysbench expect.
 *
 * @module
 */
import { holdTempDir } from "../servers/leash.ts";

/** Makes a folder with an RSA certificate, as servers make them for themselves. */
export async function makeCertificates(): Promise<string> {
  const folder = await holdTempDir("certificates");
  const { success, stderr } = await new Deno.Command("openssl", {
    args: [
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=localhost"],
      ...["-keyout", `${folder}/server-key.pem`, "-out", `${folder}/server-cert.pem`],
    ],
  }).output();
  if (!success) throw new Error(`openssl failed: ${new TextDecoder().decode(stderr)}`);
  const copies = [["cert", "client-cert"], ["key", "client-key"], ["cert", "cacert"]];
  for (const [from, to] of copies) await Deno.copyFile(`${folder}/server-${from}.pem`, `${folder}/${to}.pem`);
  return folder;
}

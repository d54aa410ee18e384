/**
 * What the tests of the demo plugin share: the two servers on a fresh database.
 *
 * @module
 */
import { makeSelfSigned } from "../../../lib/net/self_signed.ts";
import { tlsAvailable } from "../../../lib/net/tls_provider.ts";
import { DemoServers } from "../../../plugins/demo/demo_servers.ts";
import { newDemoTls } from "../../../plugins/demo/tls.ts";

/** TLS with a certificate made for this run, where the runtime has TLS for servers. */
const TLS = tlsAvailable() ? newDemoTls(await makeSelfSigned()) : undefined;

/** A log that fails the test when something is written. */
export const QUIET = {
  enabled: () => true,
  write(level: string, text: string): void {
    throw new Error(`Unexpected log record: ${level}: ${text}`);
  },
};

/** Runs `work` with both servers and closes them. */
export async function withServers(work: (servers: DemoServers) => Promise<void>, password = ""): Promise<void> {
  const servers = DemoServers.open({ password, tls: TLS }, QUIET);
  try {
    await work(servers);
  } finally {
    await servers.close();
  }
}

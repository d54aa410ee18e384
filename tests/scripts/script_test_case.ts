/**
 * A test of a shipped script: a proxy with it in front of a real server, and an empty database.
 *
 * @module
 */

import type { Kind } from "../servers/installation.ts";
import { until } from "../servers/port.ts";
import type { Proxy } from "../servers/proxy.ts";
import type { ServerInfo } from "../servers/server.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { query } from "../servers/sql.ts";
import { withScript } from "./script_proxy.ts";

/** Where a test runs. */
export interface Stage {
  readonly proxy: Proxy;
  readonly server: ServerInfo;
  /** An empty database of this test. */
  readonly database: string;
}

/** How a test runs. */
export interface CaseOptions {
  /** MariaDB only unless set: most scripts do not see a difference. */
  readonly servers?: readonly Kind[];
  readonly threads?: number;
  readonly args?: readonly string[];
}

/** Registers a test with the shipped script `name`, such as `histogram` or `tutorial/tutorial-basic`. */
export function scriptTest(
  name: string,
  does: string,
  body: (stage: Stage) => Promise<void>,
  { servers = ["mariadb"], threads = 1, args = [] }: CaseOptions = {},
): void {
  for (const kind of servers) {
    const where = servers.length > 1 ? ` (${kind})` : "";
    Deno.test({
      name: `${name} ${does}${where}`,
      ignore: whyMissing(kind) !== undefined,
      // The server, when this test is the first to need it, stays for the next ones.
      sanitizeOps: false,
      sanitizeResources: false,
    }, async () => {
      const shared = await sharedServer(kind);
      if ("missing" in shared) throw new Error(shared.missing);
      const { server } = shared;
      const database = `script_${name.replaceAll(/\W/g, "_")}`;
      await query(server, `DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database}`);
      try {
        await withScript(
          { script: { name }, backends: [server], threads, args },
          (proxy) => body({ proxy, server, database }),
        );
      } finally {
        await query(server, `DROP DATABASE ${database}`);
      }
    });
  }
}

/** Waits until the proxy has written something that fits, and returns the match. */
export async function printed(proxy: Proxy, what: string | RegExp): Promise<string> {
  const pattern = typeof what === "string" ? new RegExp(what.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")) : what;
  let found: string | undefined;
  await until(5_000, `the proxy to write ${pattern}`, () => {
    found = pattern.exec(proxy.log)?.[0];
    return Promise.resolve(found !== undefined);
  });
  return found ?? "";
}

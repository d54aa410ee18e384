import { accountsOf, authenticationInstallations } from "../servers/authentication_server.ts";
import { hasProxy } from "../servers/proxy.ts";
import { cellName, cells, type Route, routeName, ROUTES, runCell, runWrongChanges } from "./authentication_matrix.ts";
import { within } from "./scenario.ts";

const isProxied = hasProxy();

/** Registers a test of one way to a server. */
function routeTest(name: string, route: Route, body: () => Promise<void>): void {
  if (route.proxies > 0 && !isProxied) return;
  Deno.test({
    name,
    // The servers and proxies of this file live longer than one test.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => within(40_000, "The test", body()),
  });
}

for (const cell of cells()) routeTest(cellName(cell), cell.route, () => runCell(cell));

for (const installation of authenticationInstallations()) {
  for (const route of ROUTES) {
    const name = `a change of user with a wrong password is refused: ${routeName(installation, route)}`;
    routeTest(name, route, () => runWrongChanges(installation, route));
  }
  for (const { user, plugin } of accountsOf(installation).missing) {
    const { kind, version } = installation;
    Deno.test({ name: `${user} (${plugin}) [skipped: ${kind} ${version} does not have it]`, ignore: true, fn() {} });
  }
}

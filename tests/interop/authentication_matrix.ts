/**
 * The matrix of log-ins: {account} × {client in TLS or not} × {server in TLS or not} × {no proxy, one, two in a row}, and in
 * each of these cells {the password new to the server, known} × {the client begins with the account's plugin, with the
 * greeting's} × {log-in, change of user}, each of them also with a wrong password.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  accountsOf,
  type AuthenticationAccount,
  authenticationInstallations,
  type AuthenticationServer,
  forgetPasswords,
  hasAutomaticTls,
  startAuthenticationServer,
} from "../servers/authentication_server.ts";
import { makeCertificates } from "../servers/certificates.ts";
import type { Installation } from "../servers/installation.ts";
import { holdTempDir } from "../servers/leash.ts";
import { Proxy } from "../servers/proxy.ts";
import type { Server } from "../servers/server.ts";
import { type AuthenticationStep, ClearPasswordRefused, RawLogin, ServerRefusal } from "./raw_login.ts";

/** How a client reaches a server. Without a proxy both sides are the same. */
export interface Route {
  readonly proxies: 0 | 1 | 2;
  readonly clientTls: boolean;
  readonly serverTls: boolean;
}

/** All routes, the direct ones first. */
export const ROUTES: readonly Route[] = [
  { proxies: 0, clientTls: false, serverTls: false },
  { proxies: 0, clientTls: true, serverTls: true },
  ...([1, 2] as const).flatMap((proxies) =>
    [false, true].flatMap((clientTls) => [false, true].map((serverTls) => ({ proxies, clientTls, serverTls })))
  ),
];

/** One test of the matrix. */
export interface Cell {
  readonly installation: Installation;
  readonly account: AuthenticationAccount;
  readonly route: Route;
}

/** Whether an account differs from another in its password alone. */
function isVariant({ user }: AuthenticationAccount): boolean {
  return /_(medium|long|foreign)$/.test(user);
}

/** All cells of the servers of this machine. What two proxies do with one kind of password they do with others. */
export function cells(): Cell[] {
  return authenticationInstallations().flatMap((installation) =>
    accountsOf(installation).accounts.flatMap((account) =>
      ROUTES.filter(({ proxies }) => proxies < 2 || !isVariant(account)).map((route) => ({
        installation,
        account,
        route,
      }))
    )
  );
}

/** What tells a cell from the others. */
export function cellName({ installation, account, route }: Cell): string {
  return `${account.user} (${account.plugin}): ${routeName(installation, route)}`;
}

/** What tells a way to a server from the others. */
export function routeName(installation: Installation, route: Route): string {
  const tls = (on: boolean) => on ? "TLS" : "plain";
  const through = route.proxies === 0 ? "" : ` to ${route.proxies === 1 ? "the proxy" : "two proxies"} to`;
  const server = route.proxies === 0 ? "" : ` (${tls(route.serverTls)})`;
  return `${tls(route.clientTls)}${through} ${installation.kind} ${installation.version}${server}`;
}

/** What comes of the right password in a cell. */
export type Expectation =
  /** The client is logged in. */
  | "in"
  /** The server refuses an account that requires TLS, with its error 1045. */
  | "refused"
  /** The password would have to travel in clear over a connection without TLS: the client or the proxy refuses that. */
  | "clear";

/** What is to be expected of the right password. */
export function expectation({ account, route }: Cell): Expectation {
  if (account.requireTls && !route.serverTls) return "refused";
  if (account.clientPlugins.includes("mysql_clear_password") && !(route.clientTls && route.serverTls)) return "clear";
  return "in";
}

const servers = new Map<string, Promise<AuthenticationServer>>();
const proxies = new Map<string, Promise<Proxy>>();

/** The server of a cell, started when it is first needed; it ends with the test file. */
export function serverOf({ installation }: { readonly installation: Installation }): Promise<AuthenticationServer> {
  const start = async () => {
    if (hasAutomaticTls(installation)) return await startAuthenticationServer(installation);
    const { ca, server } = await makeCertificates();
    return await startAuthenticationServer(installation, { tls: { ca, ...server } });
  };
  const pending = servers.get(installation.server) ?? start();
  servers.set(installation.server, pending);
  return pending;
}

async function startProxy(port: number, backendMode: string): Promise<Proxy> {
  const folder = await holdTempDir("proxy-data");
  return await Proxy.start({
    backends: [`127.0.0.1:${port}`],
    args: [`--data-dir=${folder}`, `--backend-ssl-mode=${backendMode}`],
  });
}

function proxyTo(port: number, backendMode: string): Promise<Proxy> {
  const key = `${port} ${backendMode}`;
  const pending = proxies.get(key) ?? startProxy(port, backendMode);
  proxies.set(key, pending);
  return pending;
}

/** The proxies of this test file, to look at what they have written. */
export function startedProxies(): Promise<Proxy[]> {
  return Promise.all(proxies.values());
}

/** The port that a client connects to on `route`. */
export async function portOn(route: Route, server: Server): Promise<number> {
  if (route.proxies === 0) return server.port;
  const nearest = await proxyTo(server.port, route.serverTls ? "required" : "disabled");
  // The first of two reaches the second as it does by default.
  return route.proxies === 1 ? nearest.port : (await proxyTo(nearest.port, "preferred")).port;
}

/** How far one log-in gets. */
type LoginOutcome =
  | { readonly kind: "in"; readonly steps: readonly AuthenticationStep[] }
  | { readonly kind: "refused"; readonly errno: number; readonly sqlState: string; readonly message: string }
  | { readonly kind: "clear" };

async function outcomeOf(work: () => Promise<readonly AuthenticationStep[]>): Promise<LoginOutcome> {
  try {
    return { kind: "in", steps: await work() };
  } catch (error) {
    if (error instanceof ClearPasswordRefused) return { kind: "clear" };
    if (!(error instanceof ServerRefusal)) throw error;
    const { errno, sqlState, message } = error;
    return { kind: "refused", errno, sqlState, message };
  }
}

async function assertUser(login: RawLogin, user: string): Promise<void> {
  assertEquals(await login.query("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1)"), [[user]]);
}

/** How a client goes about a log-in. */
interface Attempt {
  readonly port: number;
  readonly tls: boolean;
  readonly user: string;
  readonly answers: readonly string[];
  /** The greeting's unless named. */
  readonly plugin: string | undefined;
}

function logIn({ port, tls, user, answers, plugin }: Attempt): Promise<LoginOutcome> {
  return outcomeOf(async () => {
    using login = await RawLogin.connect({
      port,
      user,
      answers,
      ...(plugin === undefined ? {} : { plugin }),
      ...(tls ? { tls: {} } : {}),
    });
    const { steps } = login;
    await assertUser(login, user);
    await login.quit();
    return steps;
  });
}

/** Logs in as `base`, becomes another user, and `base` again. */
function changeUser({ port, tls, user, answers, plugin }: Attempt, base: AuthenticationAccount): Promise<LoginOutcome> {
  return outcomeOf(async () => {
    const secure = tls ? { tls: {} } : {};
    using login = await RawLogin.connect({ port, user: base.user, answers: base.answers, ...secure });
    await assertUser(login, base.user);
    await login.changeUser({ user, answers, ...(plugin === undefined ? {} : { plugin }) });
    const { steps } = login;
    await assertUser(login, user);
    await login.changeUser({ user: base.user, answers: base.answers });
    await assertUser(login, base.user);
    await login.quit();
    return steps;
  });
}

function assertOutcome(outcome: LoginOutcome, expected: Expectation, clientTls: boolean, what: string): void {
  if (expected === "clear") {
    // Who refuses it is not the point, nor with which error; that nobody is let in, is.
    assert(outcome.kind !== "in", `${what}: the password went in clear`);
    return;
  }
  assertEquals(outcome.kind, expected, `${what}: ${JSON.stringify(outcome)}`);
  if (outcome.kind === "refused") assertEquals([outcome.errno, outcome.sqlState], [1045, "28000"], outcome.message);
  if (outcome.kind === "in" && !clientTls) {
    assert(!outcome.steps.some(({ step }) => step === "clear"), `${what}: the password went in clear`);
  }
}

/** Whether `outcome` shows that the server knew the password already; undefined where no such thing is visible. */
function wasFast(outcome: LoginOutcome): boolean | undefined {
  if (outcome.kind !== "in") return undefined;
  const names = outcome.steps.map(({ step }) => step);
  return names.includes("full") ? false : names.includes("fast") ? true : undefined;
}

function wrong(answers: readonly string[]): string[] {
  return answers.map((answer) => `not ${answer}`);
}

/** Does all that a cell stands for, and fails when something is not as it should be. */
export async function runCell(cell: Cell): Promise<void> {
  const { account, route } = cell;
  const { server, accounts } = await serverOf(cell);
  const port = await portOn(route, server);
  const expected = expectation(cell);
  const [base] = accounts;
  if (base === undefined) throw new Error("The server has no accounts");
  // MariaDB's caching_sha2_password caches nothing.
  const isCached = cell.installation.kind === "mysql" && account.clientPlugins.includes("caching_sha2_password") &&
    account.password !== "";
  for (const plugin of [undefined, account.clientPlugins[0]]) {
    const attempt = { port, tls: route.clientTls, user: account.user, answers: account.answers, plugin };
    const name = plugin === undefined ? "with the greeting's plugin" : `with ${plugin} first`;
    await forgetPasswords(server);
    for (const heat of ["cold", "warm"]) {
      const outcome = await logIn(attempt);
      assertOutcome(outcome, expected, route.clientTls, `Log-in ${name}, ${heat}`);
      if (expected === "in" && isCached) assertEquals(wasFast(outcome), heat === "warm", `Log-in ${name}, ${heat}`);
    }
    // MariaDB takes a second to refuse a change: once is enough.
    if (expected === "refused" && plugin !== undefined) continue;
    await forgetPasswords(server);
    for (const heat of expected === "refused" ? ["cold"] : ["cold", "warm"]) {
      const outcome = await changeUser(attempt, base);
      assertOutcome(outcome, expected, route.clientTls, `Change of user ${name}, ${heat}`);
    }
    // Without the right password the server's own words arrive, from the cold and from the warm.
    if (expected !== "in") continue;
    const refused = { ...attempt, answers: wrong(account.answers) };
    for (const heat of isCached ? ["warm", "cold"] : ["warm"]) {
      if (heat === "cold") await forgetPasswords(server);
      const [said, direct] = await Promise.all([logIn(refused), logIn({ ...refused, port: server.port })]);
      assertOutcome(said, "refused", route.clientTls, `Wrong password ${name}, ${heat}`);
      assertEquals(said, direct, `Wrong password ${name}, ${heat}`);
    }
  }
}

/**
 * Changes the user to each account of a server with a wrong password, all at once: MariaDB takes a second to say no to one.
 */
export async function runWrongChanges(installation: Installation, route: Route): Promise<void> {
  const { server, accounts } = await serverOf({ installation });
  const port = await portOn(route, server);
  const [base] = accounts;
  if (base === undefined) throw new Error("The server has no accounts");
  const possible = accounts.filter((account) => expectation({ installation, account, route }) === "in");
  await forgetPasswords(server);
  await Promise.all(possible.map(async ({ user, answers }) => {
    const attempt = { port, tls: route.clientTls, user, answers: wrong(answers), plugin: undefined };
    assertOutcome(
      await changeUser(attempt, base),
      "refused",
      route.clientTls,
      `A change to ${user} with a wrong password`,
    );
  }));
}

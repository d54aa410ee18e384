/**
 * The test command: starts the real servers once, runs all tests against them, and sums up. Arguments go to `deno test`:
 * files, `--filter`, and so on; without files, all tests run.
 *
 * The last line is `N passed, N failed`, with what was skipped in the lines before it.
 *
 * @module
 */

import { findInstallation, KINDS } from "./servers/installation.ts";
import { holdTempDir, removeTempDir } from "./servers/leash.ts";
import { PROJECT } from "./servers/proxy.ts";
import { SHARED_VARIABLE, type SharedServers, startShared } from "./servers/servers.ts";

const PERMISSIONS = ["net", "read", "write", "env", "run", "sys", "ffi"].map((name) => `--allow-${name}`);

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** What `deno test` says of all its tests in the JUnit report. */
interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly string[];
}

function unescapeXml(text: string): string {
  return text.replaceAll("&quot;", '"').replaceAll("&apos;", "'").replaceAll("&lt;", "<").replaceAll("&gt;", ">")
    .replaceAll("&amp;", "&");
}

/** Counts the test cases of a JUnit report. */
export function readReport(xml: string): Totals {
  let passed = 0;
  let failed = 0;
  const skipped: string[] = [];
  for (const [, attributes = "", body = ""] of xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)) {
    if (/<(failure|error)\b/.test(body)) failed++;
    else if (!/<skipped\b/.test(body)) passed++;
    else {
      const name = unescapeXml(/\bname="([^"]*)"/.exec(attributes)?.[1] ?? "?");
      // The report counts tests that a filter leaves out as well; those were not asked for.
      if (name.includes("[skipped")) skipped.push(name);
    }
  }
  return { passed, failed, skipped };
}

async function runTests(args: readonly string[], shared: SharedServers): Promise<{ success: boolean; totals: Totals }> {
  const folder = await holdTempDir("report");
  const report = `${folder}/report.xml`;
  // The end of an interrupted run is up to this process.
  const wait = () => {};
  Deno.addSignalListener("SIGINT", wait);
  try {
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: ["test", ...PERMISSIONS, `--junit-path=${report}`, ...args],
      cwd: PROJECT,
      env: { [SHARED_VARIABLE]: JSON.stringify(shared) },
      stdin: "null",
    }).spawn().status;
    // An interrupted run leaves no report.
    return { success, totals: readReport(await Deno.readTextFile(report).catch(() => "")) };
  } finally {
    Deno.removeSignalListener("SIGINT", wait);
    await removeTempDir(folder);
  }
}

/** Says which servers the tests run with, and which kinds are missing. */
function describe(shared: SharedServers): string[] {
  return KINDS.map((kind) => {
    const one = shared[kind];
    if ("missing" in one) return `SKIPPED: all tests with ${kind}: ${one.missing}`;
    const installation = findInstallation(kind);
    const where = "server" in installation ? installation.server : "?";
    return `tests run with ${kind} ${one.server.version} (${where})`;
  });
}

async function main(args: readonly string[]): Promise<number> {
  const shared = await startShared();
  describe(shared).forEach(print);
  const { success, totals } = await runTests(args, shared);
  const { passed, failed, skipped } = totals;
  print("");
  for (const name of skipped) print(`skipped: ${name}`);
  describe(shared).forEach(print);
  if (skipped.length > 0) print(`${skipped.length} skipped`);
  // A file that cannot be loaded fails without a test case of its own.
  print(`${passed} passed, ${success ? failed : Math.max(failed, 1)} failed`);
  return success && passed > 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));

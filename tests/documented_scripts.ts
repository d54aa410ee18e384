/**
 * The Lua examples of a page: what they are, and what the page says that they do.
 *
 * A block of Lua is a whole script, whose first line is a comment with the name of its file. A block of text behind it is a
 * session of the `mysql` client, if it has its prompts, and what the proxy prints otherwise. A block of shell that names the
 * script has its options, and tells whether the servers are those of the demo.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { until } from "./servers/port.ts";
import { clientCommand, type ClientTarget, runClient } from "./servers/clients.ts";
import { holdTempDir, removeTempDir } from "./servers/leash.ts";
import { Proxy } from "./servers/proxy.ts";
import { sharedServer, whyMissing } from "./servers/servers.ts";
import { query } from "./servers/sql.ts";
import { type Account, APP } from "./servers/users.ts";

/** A statement of a session, and the lines that the client shows for it: none stand for any but an error. */
interface Statement {
  readonly sql: string;
  readonly shows: string[];
}

/** A script of a page. */
export interface Example {
  /** Such as `hello.lua`. */
  readonly name: string;
  readonly lua: string;
  /** Options of the proxy, without addresses. */
  readonly options: string[];
  /** It is shown with the servers of the demo. */
  readonly demo: boolean;
  readonly session: Statement[];
  /** Lines that the proxy prints. */
  readonly prints: string[];
}

/** The commands of a task in the blocks of shell, as the words behind its name. */
export function taskCommands(page: string, task: "start" | "demo"): string[][] {
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text.replaceAll("\\\n", " "));
  return blocks.flatMap((text) =>
    [...text.matchAll(/^npx -y deno task (\w+) ([^#\n]*)/gm)].filter(([, name]) => name === task)
      .map(([, , words = ""]) => words.trim().split(/\s+/))
  );
}

/** The options among the words of a command, but the addresses; an account of a test server for that of the page. */
export function optionsOf(words: readonly string[]): string[] {
  return words.filter((word) => word.startsWith("--") && !/^--[a-z-]*address(es)?=/.test(word)).map((word) =>
    word.replace(/^(--proxy-query-user)=.*/, `$1=${APP.user}`).replace(
      /^(--proxy-query-password)=.*/,
      `$1=${APP.password}`,
    )
  );
}

/**
 * Finds the examples of a page.
 *
 * @throws {Error} if a script has no name.
 */
export function examplesOf(page: string): Example[] {
  const examples: Example[] = [];
  for (const [, language, text = ""] of page.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)) {
    const last = examples.at(-1);
    if (language === "lua") {
      const name = /^-- ([\w-]+\.lua):/.exec(text)?.[1];
      if (name === undefined) throw new Error(`A script does not begin with its name:\n${text}`);
      const commands = (task: "start" | "demo") =>
        taskCommands(page, task).find((words) => words.includes(`--proxy-lua-script=${name}`));
      const demo = commands("demo");
      const command = demo ?? commands("start") ?? [];
      const options = optionsOf(command).filter((word) => !word.startsWith("--proxy-lua-script="));
      examples.push({ name, lua: text, options, demo: demo !== undefined, session: [], prints: [] });
    } else if (language === "text" && last !== undefined) {
      const lines = text.trimEnd().split("\n");
      if (!text.includes("mysql> ")) last.prints.push(...lines);
      else for (const line of lines) readLine(last.session, line);
    }
  }
  return examples;
}

function readLine(session: Statement[], line: string): void {
  const sql = /^mysql> (.*);$/.exec(line)?.[1];
  if (sql !== undefined) session.push({ sql, shows: [] });
  else session.at(-1)?.shows.push(line);
}

/** Registers a test for each example of a page, with a real server and the client of MariaDB. */
export function exampleTests(page: string, name: string): void {
  for (const example of examplesOf(page)) {
    const missing = whyMissing("mariadb") ??
      (clientCommand("mariadb", "client", { port: 0 }) === undefined ? "there is no client of MariaDB" : undefined);
    const what = `${name}: ${example.name} does what the page says`;
    Deno.test({
      name: missing === undefined ? what : `${what} [skipped: ${missing}]`,
      ignore: missing !== undefined,
      // The sockets of the tests' own client close a moment after its goodbye.
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => tryExample(example),
    });
  }
}

async function tryExample(example: Example): Promise<void> {
  if (example.demo) {
    return tryWith(example, { backends: [], args: ["--demo"] }, { user: "demo", password: "", plugin: "" }, "shop");
  }
  const shared = await sharedServer("mariadb");
  if ("missing" in shared) throw new Error(shared.missing);
  const { server } = shared;
  const database = `page_${example.name.replaceAll(/\W/g, "_")}`;
  await query(server, `DROP DATABASE IF EXISTS ${database}`, `CREATE DATABASE ${database}`);
  try {
    await tryWith(example, { backends: [`127.0.0.1:${server.port}`], args: [] }, APP, database);
  } finally {
    await query(server, `DROP DATABASE ${database}`);
  }
}

async function tryWith(
  { name, lua, options, session, prints }: Example,
  { backends, args }: { readonly backends: readonly string[]; readonly args: readonly string[] },
  account: Account,
  database: string,
): Promise<void> {
  const folder = await holdTempDir("page");
  const file = `${folder}/${name}`;
  await Deno.writeTextFile(file, lua);
  const proxy = await Proxy.start({ backends, args: [...args, `--proxy-lua-script=${file}`, ...options] });
  try {
    const statements = session.length > 0 ? session : [{ sql: "SELECT 1", shows: [] }];
    const shown = await play({ port: proxy.port, account }, database, statements.map(({ sql }) => sql));
    statements.forEach(({ sql, shows }, i) => {
      if (shows.length > 0) assertEquals(shown[i], shows, sql);
      else assertEquals(shown[i]?.filter((line) => line.startsWith("ERROR")), [], sql);
    });
    for (const line of prints) {
      await until(
        5_000,
        `the proxy to print "${line}"`,
        () => Promise.resolve(timeless(proxy.log).includes(timeless(line))),
      );
    }
    assertEquals(proxy.log.includes("(critical)"), false, proxy.log);
  } finally {
    await proxy.stop();
    await removeTempDir(folder);
  }
}

/** Seconds differ from run to run. */
function timeless(text: string): string {
  return text.replaceAll(/\d+\.\d s\b/g, "N s");
}

/** What the client shows for each statement. */
async function play(target: ClientTarget, database: string, statements: readonly string[]): Promise<string[][]> {
  const stdin = statements.map((sql) => `${sql};\n`).join("");
  const { stdout, stderr } = await runClient(
    "mariadb",
    "client",
    target,
    ["--table", "--force", "-vvv", database],
    { stdin },
  );
  // The client repeats each statement between two lines.
  const parts = stdout.split(/^-{14}\n[\s\S]*?\n-{14}\n/m).slice(1);
  assertEquals(parts.length, statements.length, stdout + stderr);
  return parts.map((part, i) => {
    const lines = part.replace(/\nBye\n$/, "\n").split("\n").map((line) => line.replace(/ \(\d+\.\d+ sec\)$/, ""));
    const errors = [...stderr.matchAll(new RegExp(`^(ERROR .*) at line ${i + 1}(: .*)$`, "gm"))];
    return [
      ...lines.filter((line) => line !== "" && !/^(\d+ rows? in set|Empty set|Records: |Rows matched: )/.test(line)),
      ...errors.map(([, error = "", message = ""]) => error + message),
    ];
  });
}

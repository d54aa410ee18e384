/**
 * Smoke test of the compiled program: `smoke.ts DENO` has that Deno compile it, then starts it from another folder, with
 * nothing of the project in reach, and looks at what it says.
 *
 * @module
 */

const PROJECT = new URL("../", import.meta.url).pathname;
const BINARY = `${PROJECT}dist/mysql-proxy`;
const TIMEOUT_MS = 60_000;

const SCRIPT = `
local tokenizer = require("proxy.tokenizer")
function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  print("smoke: " .. tokenizer.normalize(tokenizer.tokenize(packet:sub(2))))
  proxy.queries:append(1, packet, { resultset_is_needed = true })
  return proxy.PROXY_SEND_QUERY
end
function read_query_result(inj)
  print("smoke: " .. 2 / 2 .. " result")
end
`;

interface Outcome {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end; with `until`, sends SIGTERM as soon as the output contains that. */
async function run(program: string, args: readonly string[], cwd: string, until?: string): Promise<Outcome> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let output = "";
  let signalled = false;
  const watch = async (stream: ReadableStream<Uint8Array>) => {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (until === undefined || signalled || !output.includes(until)) continue;
      signalled = true;
      child.kill("SIGTERM");
    }
  };
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  const [status] = await Promise.all([child.status, watch(child.stdout), watch(child.stderr)]);
  clearTimeout(timer);
  return { code: status.code, output };
}

function expect(what: string, outcome: Outcome, code: number, ...words: readonly string[]): void {
  const missing = words.filter((word) => !outcome.output.includes(word));
  if (outcome.code === code && missing.length === 0) return;
  throw new Error(
    `${what}: exit code ${outcome.code}, expected ${code}; missing: ${missing.join(", ")}\n${outcome.output}`,
  );
}

async function main(deno: string): Promise<void> {
  expect("compile", await run(deno, ["task", "compile"], PROJECT), 0);
  const elsewhere = await Deno.makeTempDir({ prefix: "mysql-proxy-smoke-" });
  try {
    expect("--version", await run(BINARY, ["--version"], elsewhere), 0, "mysql-proxy 0.9.0", "proxy: 0.9.0");
    expect("--help", await run(BINARY, ["--help"], elsewhere), 0, "--proxy-address", "--event-threads");
    expect("a wrong option", await run(BINARY, ["--proxy-adress=:1"], elsewhere), 1, "--proxy-address");
    // The tour of the demo goes through the proxy's event threads and back to the servers inside.
    const demo = await run(
      BINARY,
      ["--demo", "--proxy-address=127.0.0.1:4949", `--data-dir=${elsewhere}`],
      elsewhere,
      "Press Ctrl-C",
    );
    expect("--demo", demo, 0, "demo-rw", "shutting down normally");
    // A script needs Lua, its prelude and the shipped modules, all of them out of the program itself.
    await Deno.writeTextFile(`${elsewhere}/smoke.lua`, SCRIPT);
    const scripted = await run(
      BINARY,
      ["--demo", "--proxy-address=127.0.0.1:4949", `--data-dir=${elsewhere}`, "--proxy-lua-script=smoke.lua"],
      elsewhere,
      "Press Ctrl-C",
    );
    expect("a script", scripted, 0, "smoke: SELECT", "smoke: 1 result", "shutting down normally");
    const shipped = await run(
      BINARY,
      ["--demo", "--proxy-address=127.0.0.1:4949", `--data-dir=${elsewhere}`, "--proxy-lua-script=rw-splitting"],
      elsewhere,
      "Press Ctrl-C",
    );
    expect("a shipped script", shipped, 0, "shutting down normally");
  } finally {
    await Deno.remove(elsewhere, { recursive: true });
  }
  await Deno.stdout.write(new TextEncoder().encode("The compiled program starts, serves and stops\n"));
}

const [deno] = Deno.args;
if (deno === undefined) throw new Error("Name the Deno that is to compile: smoke.ts DENO");
await main(deno);

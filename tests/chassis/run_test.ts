import { assert, assertEquals, assertFalse, assertMatch } from "@std/assert";
import { join } from "node:path";
import { Child, ECHO, runToEnd } from "./child.ts";

const echo = (...args: string[]) => [`--plugins=${ECHO}`, "--event-threads=2", ...args];

async function withDir(step: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await step(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const unix = { ignore: Deno.build.os === "windows" };

Deno.test("run() starts every half, serves, and stops cleanly on SIGTERM", unix, async () => {
  await using child = new Child(echo());
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  const lines = [...child.lines].filter((line) => !line.includes("woken"));
  assertEquals(lines.slice(0, 2).toSorted(), ["(message) thread 0 of 2 started", "(message) thread 1 of 2 started"]);
  assertEquals(lines.slice(2, 5), [
    "(message) main ready",
    "(message) plugin echo 1.2.3 started",
    "(message) received SIGTERM, shutting down",
  ]);
  assertEquals(lines.slice(5, 7).toSorted(), ["(message) thread 0 stopped", "(message) thread 1 stopped"]);
  assertEquals(lines.slice(7), ["(message) main stopped", "(message) shutting down normally, exit code is: 0"]);
});

Deno.test("run() stops the halves of a thread that was still starting when the signal came", unix, async () => {
  await using child = new Child(echo("--echo-fail=start-slow"));
  await child.line("thread 1 of 2 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  assert(child.lines.includes("(message) thread 0 stopped") && child.lines.includes("(message) thread 1 stopped"));
});

Deno.test("run() stops cleanly on SIGINT, and when a plugin asks for it", unix, async () => {
  await using interrupted = new Child(echo("--event-threads=3"));
  await interrupted.line("plugin echo 1.2.3 started");
  interrupted.signal("SIGINT");
  assertEquals(await interrupted.end(), 0);
  assert(interrupted.lines.includes("(message) thread 2 of 3 started"));
  await using asked = new Child(echo("--echo-fail=shutdown"));
  assertEquals(await asked.end(), 0);
  assertEquals(asked.lines.at(-1), "(message) shutting down normally, exit code is: 0");
});

Deno.test("run() cuts work off when its time is up, and at once on a second signal", unix, async () => {
  await using child = new Child(echo("--echo-fail=stop-hangs", "--shutdown-timeout=0.2"));
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  assert(child.lines.includes("(message) thread 0 cut off") && child.lines.includes("(message) thread 1 cut off"));
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    await using impatient = new Child(echo("--echo-fail=stop-hangs", "--shutdown-timeout=1000"));
    await impatient.line("plugin echo 1.2.3 started");
    impatient.signal("SIGTERM");
    await impatient.line("received SIGTERM");
    // Sooner it would count as an echo of the first.
    await new Promise((resolve) => setTimeout(resolve, 200));
    impatient.signal(signal);
    assertEquals(await impatient.end(), code);
  }
});

Deno.test("run() takes the echo of a signal, as npx and deno task make it, for one signal", unix, async () => {
  await using child = new Child(echo("--echo-fail=stop-hangs", "--shutdown-timeout=0.5"));
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGINT");
  await child.line("received SIGINT");
  child.signal("SIGINT");
  assertEquals(await child.end(), 0);
});

Deno.test("run() ends a thread that blocks when it should stop", unix, async () => {
  await using child = new Child(echo("--echo-fail=stop-blocks", "--shutdown-timeout=0"));
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  assert(child.lines.includes("(warning) Event thread 1 does not stop, it is cut off"));
  assert(child.lines.includes("(message) main stopped"));
});

Deno.test("run() does not wait for ever for a main half to stop", unix, async () => {
  await using child = new Child(echo("--echo-fail=main-stop-hangs", "--shutdown-timeout=0"));
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  assert(child.lines.includes('(critical) Plugin "echo" failed to stop: it takes too long'));
});

Deno.test("run() stops also while it is still starting", unix, async () => {
  await using child = new Child(echo("--echo-fail=start-hangs", "--shutdown-timeout=0.2"));
  await child.line("thread 1 of 2 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  assertFalse(child.lines.includes("(message) main ready"));
  assert(child.lines.includes("(message) main stopped"));
});

Deno.test("run() names the plugin and the reason when a step of its start fails", async () => {
  const reasons: Record<string, string> = {
    prepare: 'Plugin "echo" cannot start: prepare was told to fail',
    main: 'Plugin "echo" cannot start: main was told to fail',
    ready: 'Plugin "echo" cannot start: ready was told to fail',
    thread: 'Plugin "echo" cannot start on event thread 1: thread was told to fail',
    share: 'What plugin "echo" shares with its thread halves cannot be handed to a thread',
  };
  for (const [step, reason] of Object.entries(reasons)) {
    await using child = new Child(echo(`--echo-fail=${step}`));
    assertEquals(await child.end(), 1, step);
    const critical = child.lines.filter((line) => line.startsWith("(critical)"));
    assertEquals(critical, [`(critical) ${reason}`], step);
    assertFalse(child.lines.some((line) => line.startsWith("    at ")), "no stack trace");
    assertEquals(child.lines.includes("(message) main stopped"), step === "ready" || step === "thread", step);
  }
});

Deno.test("run() shows where an error came from at log level debug", async () => {
  await using child = new Child(echo("--echo-fail=thread", "--log-level=debug"));
  assertEquals(await child.end(), 1);
  assert(child.lines.some((line) => /^ +at .*echo\.ts/.test(line)), child.lines.join("\n"));
});

Deno.test("run() goes on when a thread half misbehaves", unix, async () => {
  await using stray = new Child(echo("--echo-fail=stray"));
  await stray.line("Uncaught error: stray error", 2);
  await stray.line("Unhandled rejection: stray rejection", 2);
  stray.signal("SIGTERM");
  assertEquals(await stray.end(), 0);
  await using main = new Child(echo("--echo-fail=main-stray"));
  await main.line("Uncaught error: stray error");
  await main.line("Unhandled rejection: stray rejection");
  main.signal("SIGTERM");
  assertEquals(await main.end(), 0);
  await using wake = new Child(echo("--echo-fail=wake-throws"));
  await wake.line('Plugin "echo" failed to handle a wake-up: wake was told to fail');
  wake.signal("SIGTERM");
  assertEquals(await wake.end(), 0);
  for (const [step, line] of [["stop-throws", "stop was told to fail"], ["main-stop", "main stop was told to fail"]]) {
    await using stop = new Child(echo(`--echo-fail=${step}`));
    await stop.line("plugin echo 1.2.3 started");
    stop.signal("SIGTERM");
    assertEquals(await stop.end(), 0);
    assert(stop.lines.includes(`(critical) Plugin "echo" failed to stop: ${line}`), step);
  }
});

Deno.test("run() tells of a thread that does not answer and of one that answers again", unix, async () => {
  await using child = new Child(echo("--echo-fail=block"));
  await child.line("(critical) Event thread 0 has not answered for 5 seconds");
  await child.line("(warning) Event thread 0 answers again");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
});

Deno.test("run() wakes the other threads for a thread that asks, and all of them every second", unix, async () => {
  await using child = new Child(echo("--echo-fail=wake"));
  await child.line("thread 1 woken");
  await child.line("thread 0 woken");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
});

Deno.test("run() loses no record of threads that log fast", unix, async () => {
  await using child = new Child(echo("--echo-fail=flood", "--event-threads=1"));
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  const numbers = child.lines.filter((line) => line.startsWith("(message) flood")).map((line) => line.split(" ")[2]);
  const dropped = child.lines.map((line) => Number(/dropped because they came too fast: (\d+)/.exec(line)?.[1] ?? 0));
  const lost = dropped.reduce((sum, count) => sum + count, 0);
  assertEquals(numbers.length + lost, 20_000);
  assertEquals(lost, 0);
  assertEquals(numbers, Array.from({ length: 20_000 }, (_, number) => String(number)));
});

Deno.test("run() writes the pid-file when it serves and removes it at a clean stop", unix, async () => {
  await withDir(async (dir) => {
    const path = join(dir, "x.pid");
    await using child = new Child(echo("--pid-file=x.pid", `--basedir=${dir}`));
    await child.line("plugin echo 1.2.3 started");
    assertEquals(await Deno.readTextFile(path), String(child.pid));
    assertEquals(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    child.signal("SIGTERM");
    assertEquals(await child.end(), 0);
    assertFalse(await exists(path));

    await using failing = new Child(echo("--echo-fail=ready", `--pid-file=${path}`));
    assertEquals(await failing.end(), 1);
    assertFalse(await exists(path), "nothing serves");

    await using impossible = new Child(echo(`--pid-file=${join(dir, "missing", "x.pid")}`));
    assertEquals(await impossible.end(), 1);
    assert(impossible.lines.some((line) => line.startsWith("(critical) Cannot write pid-file")));
  });
});

Deno.test("run() logs to a file, in JSON on request, and opens it anew on SIGHUP", unix, async () => {
  await withDir(async (dir) => {
    const path = join(dir, "x.log");
    await using child = new Child(echo(`--log-file=${path}`, "--log-format=json", "--pid-file=x.pid"), dir);
    while (!await exists(join(dir, "x.pid"))) await new Promise((resolve) => setTimeout(resolve, 20));
    await Deno.rename(path, `${path}.1`);
    child.signal("SIGHUP");
    while (!await exists(path)) await new Promise((resolve) => setTimeout(resolve, 20));
    child.signal("SIGTERM");
    assertEquals(await child.end(), 0);
    assertEquals(child.lines, []);
    const records = async (file: string) => {
      return (await Deno.readTextFile(file)).trim().split("\n").map((line) => JSON.parse(line));
    };
    const before = await records(`${path}.1`);
    const thread = before.find(({ text }) => text === "thread 1 of 2 started");
    assertEquals([thread.level, thread.thread], ["message", 1]);
    assertMatch(thread.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assertEquals((await records(path)).at(-1).text, "shutting down normally, exit code is: 0");
  });
});

Deno.test("run() tells a start error on stderr too when the log is a file", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "x.log");
    await using child = new Child(echo(`--log-file=${path}`, "--echo-fail=main"));
    assertEquals(await child.end(), 1);
    assertEquals(child.lines, ['(critical) Plugin "echo" cannot start: main was told to fail']);
    assert((await Deno.readTextFile(path)).includes("main was told to fail"));
    await using unwritable = new Child(echo(`--log-file=${join(dir, "missing", "x.log")}`));
    assertEquals(await unwritable.end(), 1);
    assert(unwritable.lines[0]?.startsWith("(critical) Cannot open log file"));
  });
});

Deno.test("run() logs to stderr when the log file takes no more", { ignore: Deno.build.os !== "linux" }, async () => {
  await using child = new Child(echo("--log-file=/dev/full"));
  await child.line("plugin echo 1.2.3 started");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
});

Deno.test("run() hides what is less severe than the log level and repeats no text", unix, async () => {
  await using child = new Child(echo("--echo-fail=repeat", "--log-level=warning", "--event-threads=1"));
  await child.line("the same");
  child.signal("SIGTERM");
  assertEquals(await child.end(), 0);
  assertEquals(child.lines, ["(warning) the same", "(warning) last message repeated 2 times"]);
});

Deno.test("run() prints help and version to stdout and errors of use to stderr", async () => {
  const help = await runToEnd("--help", `--plugins=${ECHO}`);
  assertEquals([help.code, help.stderr], [0, ""]);
  assert(help.stdout.includes("--echo-address"));
  const version = await runToEnd("-V", `--plugins=${ECHO}`);
  assertEquals([version.code, version.stderr], [0, ""]);
  assertMatch(version.stdout, /^mysql-proxy \d+\.\d+\.\d+\n {2}deno: .*\n {2}v8: .*\n-- modules\n {2}echo: 1\.2\.3\n$/);
  const wrong = await runToEnd("--plugnis=x");
  assertEquals([wrong.code, wrong.stdout], [1, ""]);
  assertMatch(wrong.stderr, /^[\d-]+ [\d:]+: \(critical\) Unknown option "--plugnis", did you mean "--plugins"\?\n$/);
});

Deno.test("run() reads a config file and refuses one that is wrong", async () => {
  await withDir(async (dir) => {
    const path = join(dir, "x.cnf");
    await Deno.writeTextFile(path, `[mysql-proxy]\nplugins = ${ECHO}\necho-fail = main\n`);
    const good = await runToEnd(`--defaults-file=${path}`);
    assertEquals(good.code, 1);
    assert(good.stderr.includes("main was told to fail"));
    await Deno.writeTextFile(path, `[mysql-proxy]\nplugins = ${ECHO}\necho-tiemout = 1\n`);
    const bad = await runToEnd(`--defaults-file=${path}`);
    assertEquals(bad.code, 1);
    assert(
      bad.stderr.includes(`${path}:3: "echo-tiemout" is no known option, did you mean "echo-timeout"?`),
      bad.stderr,
    );
  });
});

Deno.test("main.ts prints help without any permission", async () => {
  const main = new URL("../../main.ts", import.meta.url).href;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--quiet", "--no-prompt", main, "--help"],
    stdin: "null",
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});

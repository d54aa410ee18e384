import { assert, assertEquals, assertFalse, assertMatch, assertThrows } from "@std/assert";
import { join } from "node:path";
import { ChassisError } from "../../lib/chassis/chassis_error.ts";
import { LogOutput } from "../../lib/chassis/log_output.ts";
import { formatJson, formatText, isWritten, type LogEntry } from "../../lib/chassis/log_record.ts";
import { RepeatFilter } from "../../lib/chassis/log_repeats.ts";
import { ThreadLog } from "../../lib/chassis/thread_log.ts";
import {
  decodeCommand,
  decodeNotice,
  encodeCommand,
  encodeNotice,
  type Notice,
} from "../../lib/chassis/thread_messages.ts";
import { LOG_LEVELS } from "../../lib/plugin/mod.ts";
import { Sender } from "../../lib/shared/bell.ts";
import { Ring } from "../../lib/shared/ring.ts";

const TIME = new Date(2026, 0, 2, 3, 4, 5, 678).getTime();

const entry = (text: string, more: Partial<LogEntry> = {}): LogEntry => ({
  time: TIME,
  level: "message",
  text,
  ...more,
});

async function withDir(step: (dir: string) => void | Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await step(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("isWritten() compares with the threshold", () => {
  assert(isWritten("error", "error"));
  assertFalse(isWritten("critical", "error"));
  assert(isWritten("critical", "message"));
  assertFalse(isWritten("info", "message"));
  for (const level of LOG_LEVELS) assert(isWritten(level, "debug"), level);
});

Deno.test("formatText() prints the original's line in local time", () => {
  assertEquals(formatText(entry("it runs")), "2026-01-02 03:04:05: (message) it runs\n");
  assertEquals(formatText(entry("it runs"), 3), "2026-01-02 03:04:05: (message) last message repeated 3 times\n");
});

Deno.test("formatJson() prints one object on a line", () => {
  const line = formatJson(entry('a "quote"\nand a line', { thread: 1, level: "warning" }));
  assert(line.endsWith("}\n"));
  assertEquals(line.indexOf("\n"), line.length - 1);
  assertEquals(JSON.parse(line), {
    time: new Date(TIME).toISOString(),
    level: "warning",
    text: 'a "quote"\nand a line',
    thread: 1,
  });
  assertEquals(Object.keys(JSON.parse(formatJson(entry("x")))), ["time", "level", "text"]);
});

Deno.test("RepeatFilter leaves out what repeats the record before", () => {
  const filter = new RepeatFilter((record, repeats) => `${record.text}${repeats ?? ""};`);
  const at = (seconds: number, text: string) => filter.lines(entry(text, { time: TIME + seconds * 1000 }));
  assertEquals(at(0, "a"), "a;");
  assertEquals(at(1, "a"), "");
  assertEquals(at(2, "a"), "");
  assertEquals(at(3, "b"), "a2;b;", "told when another text arrives");
  assertEquals(at(4, "c"), "c;");
  assertEquals(at(34, "c"), "", "30 seconds are not over yet");
  assertEquals(at(35, "c"), "c2;", "told after 30 seconds");
  for (let i = 0; i < 100; i++) assertEquals(at(36, "c"), "");
  assertEquals(at(36, "c"), "c101;", "told after more than 100 repeats");
  assertEquals(filter.flush(TIME), "");
  assertEquals(at(37, "c"), "");
  assertEquals(filter.overdue(TIME + 60_000), "");
  assertEquals(filter.overdue(TIME + 70_000), "c1;");
  assertEquals(filter.lines(entry("c", { level: "error" })), "c;", "another level is no repeat");
  assertEquals(filter.lines(entry("c", { level: "error", thread: 1 })), "c;", "another thread is no repeat");
});

Deno.test("LogOutput appends to its file what the threshold lets through", async () => {
  await withDir(async (dir) => {
    const file = join(dir, "x.log");
    await Deno.writeTextFile(file, "before\n");
    const log = new LogOutput({ level: "warning", format: "text", file });
    log.write("message", "hidden");
    log.write("warning", "shown {not a placeholder}");
    log.take(entry("from a thread", { level: "critical", thread: 1 }));
    log.take(entry("hidden too", { level: "info", thread: 1 }));
    log.write("error", "again");
    log.write("error", "again");
    log.close();
    const lines = (await Deno.readTextFile(file)).replaceAll(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/gm, "TIME");
    assertEquals(
      lines,
      "before\nTIME: (warning) shown {not a placeholder}\nTIME: (critical) from a thread\n" +
        "TIME: (error) again\nTIME: (error) last message repeated 1 times\n",
    );
  });
});

Deno.test("LogOutput creates its file for owner and group, and opens it anew", async () => {
  await withDir(async (dir) => {
    const file = join(dir, "x.log");
    const log = new LogOutput({ level: "message", format: "json", file });
    log.write("message", "first");
    const { mode } = await Deno.stat(file);
    if (mode !== null) assertEquals(mode & 0o007, 0);
    await Deno.rename(file, `${file}.1`);
    log.write("message", "second");
    log.reopen();
    log.write("message", "third");
    log.close();
    const texts = async (path: string) => {
      const lines = (await Deno.readTextFile(path)).trim().split("\n");
      return lines.map((line) => JSON.parse(line).text);
    };
    assertEquals(await texts(`${file}.1`), ["first", "second"]);
    assertEquals(await texts(file), ["third"]);
  });
});

Deno.test("LogOutput says that its file cannot be opened", async () => {
  await withDir((dir) => {
    const error = assertThrows(() => {
      new LogOutput({ level: "message", format: "text", file: join(dir, "missing", "x.log") });
    }, ChassisError);
    assertMatch(error.message, /^Cannot open log file ".*x\.log": /);
  });
});

Deno.test("encodeNotice() and encodeCommand() are undone by their decoders", () => {
  const notices: Notice[] = [
    { kind: "wake-others" },
    { kind: "stopped" },
    ...LOG_LEVELS.map((level) => ({ kind: "log" as const, entry: entry("Größe \u{1F600}", { level, thread: 3 }) })),
  ];
  for (const notice of notices) assertEquals(decodeNotice(encodeNotice(notice), 3), notice);
  assertEquals(decodeCommand(encodeCommand({ kind: "wake" })), { kind: "wake" });
  assertEquals(decodeCommand(encodeCommand({ kind: "stop", timeout: 1.5 })), { kind: "stop", timeout: 1.5 });
  for (const record of [Uint8Array.of(), Uint8Array.of(99), Uint8Array.of(3, 77, ...new Uint8Array(8))]) {
    assertThrows(() => decodeNotice(record, 0), TypeError);
  }
  assertThrows(() => decodeCommand(Uint8Array.of(0)), TypeError);
});

Deno.test("ThreadLog counts what it has to drop, cuts long texts, and asks the level first", () => {
  const ring = Ring.create(16 * 1024);
  const log = new ThreadLog("message", new Sender(ring, () => {}));
  const next = () => {
    const record = ring.pop();
    const notice = record === undefined ? undefined : decodeNotice(record, 0);
    return notice?.kind === "log" ? notice.entry.text : undefined;
  };
  log.write("info", "hidden");
  assertEquals(next(), undefined);
  log.write("error", "x".repeat(20_000));
  log.write("message", "y".repeat(8000));
  log.write("message", "dropped, since there is no room for it in time".repeat(20));
  log.write("message", "dropped too".repeat(100));
  assertEquals(next(), `${"x".repeat(8192)}...`);
  log.write("message", "after");
  assertEquals([next()?.length, next(), next(), next(), next()], [
    8000,
    "log records dropped because they came too fast: 1",
    "log records dropped because they came too fast: 1",
    "after",
    undefined,
  ]);
});

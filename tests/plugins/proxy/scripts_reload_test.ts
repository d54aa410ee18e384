import { assertEquals, assertStringIncludes } from "@std/assert";
import { createConnection } from "mysql2/promise";
import { until } from "../../servers/port.ts";
import type { Proxy } from "../../servers/proxy.ts";
import { ROOT } from "../../servers/users.ts";
import { ignore, shared, withProcess } from "./scripts_stage.ts";
import { connect, value } from "./stage.ts";

/** A script that answers every query with its version. */
function version(name: string): string {
  return `
function read_query(packet)
  if packet:byte() ~= proxy.COM_QUERY then return end
  proxy.response = {
    type = proxy.MYSQLD_PACKET_OK,
    resultset = { fields = { { name = "version", type = proxy.MYSQL_TYPE_STRING } }, rows = { { "${name}" } } },
  }
  return proxy.PROXY_SEND_RESULT
end
`;
}

/** What new clients get; several, as each thread takes some. */
async function versions(proxy: Proxy, clients = 8): Promise<unknown[]> {
  return await Promise.all(Array.from({ length: clients }, async () => {
    const client = await createConnection({ host: "127.0.0.1", port: proxy.port, user: ROOT.user });
    const answer = await value(client, "SELECT 1");
    client.destroy();
    return answer;
  }));
}

/** Waits until all new clients get that version. */
async function serves(proxy: Proxy, name: string): Promise<void> {
  await until(5000, `new clients to get ${name}`, async () => {
    return (await versions(proxy)).every((answer) => answer === name);
  });
}

function count(text: string, part: string): number {
  return text.split(part).length - 1;
}

for (const threads of [1, 3]) {
  Deno.test({
    name: `an edited script is for new clients of ${threads} threads, however it is written`,
    ignore,
    async fn() {
      await withProcess(version("one"), [await shared()], async ({ proxy, file }) => {
        const old = await connect(proxy.port);
        assertEquals(await value(old, "SELECT 1"), "one");
        await Deno.writeTextFile(file, version("two"));
        await serves(proxy, "two");
        assertEquals(await value(old, "SELECT 1"), "one");

        // As editors do it.
        await Deno.writeTextFile(`${file}.new`, version("three"));
        await Deno.rename(`${file}.new`, file);
        await serves(proxy, "three");

        // The same size and time as before, but another file.
        const { mtime } = await Deno.stat(file);
        await Deno.writeTextFile(`${file}.new`, version("seven"));
        await Deno.utime(`${file}.new`, mtime!, mtime!);
        await Deno.rename(`${file}.new`, file);
        await serves(proxy, "seven");

        await Deno.remove(file);
        await until(5000, "the log to tell that it is gone", () => proxy.log.includes("Cannot read the script"));
        assertEquals((await versions(proxy)).every((answer) => answer === "seven"), true);
        await Deno.writeTextFile(file, version("eight"));
        await serves(proxy, "eight");

        // As deployments do it.
        await Deno.remove(file);
        await Deno.writeTextFile(`${file}.a`, version("nine"));
        await Deno.writeTextFile(`${file}.b`, version("tens"));
        await Deno.symlink(`${file}.a`, file);
        await serves(proxy, "nine");
        await Deno.symlink(`${file}.b`, `${file}.next`);
        await Deno.rename(`${file}.next`, file);
        await serves(proxy, "tens");
        assertEquals(await value(old, "SELECT 1"), "one");
        old.destroy();
      }, [`--event-threads=${threads}`]);
    },
  });
}

Deno.test({
  name: "a broken edit, or no script at all, keeps the last good version and is logged once",
  ignore,
  async fn() {
    await withProcess(version("good"), [await shared()], async ({ proxy, file }) => {
      await Deno.writeTextFile(file, version("bad") + "\n\nfunction (");
      await until(5000, "the log to tell why", () => proxy.log.includes("Cannot load the script"));
      assertStringIncludes(proxy.log, `${file}:12: `);
      assertEquals(await versions(proxy, 2), ["good", "good"]);
      await Deno.remove(file);
      await until(5000, "the log to tell that it is gone", () => proxy.log.includes("Cannot read the script"));
      // Other files of the folder come and go meanwhile, and several turns of the clock pass.
      const before = Date.now();
      await until(9000, "some seconds to pass", async () => {
        await Deno.writeTextFile(`${file}.log`, "x");
        return Date.now() - before > 3500;
      });
      assertEquals(count(proxy.log, "Cannot load the script"), 1);
      assertEquals(count(proxy.log, "Cannot read the script"), 1);
      assertEquals(await versions(proxy, 2), ["good", "good"]);
      await Deno.writeTextFile(file, version("better"));
      await serves(proxy, "better");
    });
  },
});

Deno.test({
  name: "a script that is still being written is not used, although what is there already is Lua",
  ignore: ignore || Deno.build.os !== "linux",
  async fn() {
    await withProcess(version("good"), [await shared()], async ({ proxy, file }) => {
      {
        using writer = await Deno.open(file, { write: true, truncate: true });
        await writer.write(new TextEncoder().encode(version("half") + "\n"));
        const before = Date.now();
        await until(5000, "its clock to tick", async () => {
          assertEquals(await versions(proxy, 1), ["good"]);
          return Date.now() - before > 1600;
        });
        await writer.write(new TextEncoder().encode(version("whole")));
      }
      await serves(proxy, "whole");
      assertEquals(count(proxy.log, "loaded the script"), 1, proxy.log);
    });
  },
});

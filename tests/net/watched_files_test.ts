import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { stampOf, WatchedFiles } from "../../lib/net/watched_files.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "watched-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes a file with this time of change, in seconds. */
async function write(path: string, text: string, time: number): Promise<void> {
  await Deno.writeTextFile(path, text);
  await Deno.utime(path, time, time);
}

Deno.test("WatchedFiles.changed() is true once after each change of a file", () =>
  inFolder(async (folder) => {
    const [one, other] = [join(folder, "one"), join(folder, "other")];
    await write(one, "1", 1000);
    await write(other, "1", 1000);
    const files = new WatchedFiles([one, other]);
    assertEquals(await files.changed(), false);
    assertEquals(await files.changed(), false);
    const changes: readonly [string, () => Promise<void>][] = [
      ["time", () => write(one, "2", 2000)],
      ["size", () => write(other, "22", 1000)],
      ["removed", () => Deno.remove(one)],
      ["back", () => write(one, "2", 2000)],
    ];
    for (const [what, change] of changes) {
      await change();
      assertEquals(await files.changed(), true, what);
      assertEquals(await files.changed(), false, what);
    }
  }));

Deno.test("WatchedFiles.changed() sees a file of the same size and time that was put in place", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    const path = join(folder, "cert");
    await write(path, "1", 1000);
    const files = new WatchedFiles([path]);
    await files.changed();
    await write(join(folder, "new"), "2", 1000);
    await Deno.rename(join(folder, "new"), path);
    assertEquals(await files.changed(), true);
  }));

Deno.test("WatchedFiles.changed() sees a turned symbolic link in the middle of the path", {
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    // As Kubernetes does: ..data is a link to a folder, and replaced by another one.
    for (const name of ["first", "second"]) {
      await Deno.mkdir(join(folder, name));
      await write(join(folder, name, "tls.crt"), "1", 1000);
    }
    await Deno.symlink("first", join(folder, "..data"));
    await Deno.symlink(join("..data", "tls.crt"), join(folder, "tls.crt"));
    const files = new WatchedFiles([join(folder, "tls.crt")]);
    assertEquals(await files.changed(), false);
    await Deno.symlink("second", join(folder, "..data_tmp"));
    await Deno.rename(join(folder, "..data_tmp"), join(folder, "..data"));
    assertEquals(await files.changed(), true);
    assertEquals(await files.changed(), false);
  }));

Deno.test("WatchedFiles.changed() tells what changed since a stamp that is older than itself", () =>
  inFolder(async (folder) => {
    const path = join(folder, "cert");
    await write(path, "1", 1000);
    const since = await stampOf([path]);
    assertEquals(await new WatchedFiles([path], since).changed(), false);
    await write(path, "2", 2000);
    const files = new WatchedFiles([path], since);
    assertEquals(await files.changed(), true);
    assertEquals(await files.changed(), false);
  }));

Deno.test("WatchedFiles.changed() is false for no files", async () => {
  assertEquals(await new WatchedFiles([], await stampOf([])).changed(), false);
});

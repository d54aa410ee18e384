import { assertEquals } from "@std/assert";
import { join } from "node:path";
import { run } from "../servers/run_program.ts";
import { dataFolder } from "../../lib/net/data_folder.ts";

const MODULE = new URL("../../lib/net/data_folder.ts", import.meta.url).href;

/** What {@linkcode dataFolder} tells in a process with this environment and these permissions. */
async function inProcess(permissions: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
  const code = `import { dataFolder } from ${JSON.stringify(MODULE)};
    await Deno.stdout.write(new TextEncoder().encode(String(dataFolder(undefined))));`;
  const folder = await Deno.makeTempDir();
  try {
    const script = join(folder, "script.ts");
    await Deno.writeTextFile(script, code);
    const all = Object.entries({ ...env, DENO_DIR: join(folder, "cache"), DENO_NO_UPDATE_CHECK: "1" });
    const deno = [Deno.execPath(), "run", "--quiet", "--no-config", "--no-check", ...permissions, script];
    const { stdout, stderr } = await run(["env", "-i", ...all.map(([name, value]) => `${name}=${value}`), ...deno]);
    assertEquals(stderr, "");
    return stdout;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const linux = { ignore: Deno.build.os !== "linux" };
const ENV = "--allow-env=HOME,XDG_DATA_HOME,LOCALAPPDATA";

Deno.test("dataFolder() takes the option as it is", () => assertEquals(dataFolder("/x/y"), "/x/y"));

const CASES: readonly [string, readonly string[], Readonly<Record<string, string>>, string][] = [
  ["is in the home folder", [ENV], { HOME: "/h" }, "/h/.local/share/mysql-proxy"],
  ["is where XDG says", [ENV], { HOME: "/h", XDG_DATA_HOME: "/d" }, "/d/mysql-proxy"],
  ["ignores a relative path of XDG", [ENV], { HOME: "/h", XDG_DATA_HOME: "d" }, "/h/.local/share/mysql-proxy"],
  ["is nowhere without a home", [ENV], { HOME: "" }, "undefined"],
  ["asks for no permission", [], { HOME: "/h", XDG_DATA_HOME: "/d" }, "undefined"],
];

for (const [name, permissions, env, expected] of CASES) {
  Deno.test(`dataFolder() ${name}`, linux, async () => {
    assertEquals(await inProcess(permissions, env), expected);
  });
}

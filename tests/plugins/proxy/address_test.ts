import { assertEquals, assertStringIncludes } from "@std/assert";
import { freePort } from "../../servers/port.ts";
import { Proxy } from "../../servers/proxy.ts";
import { sharedServer, whyMissing } from "../../servers/servers.ts";
import { connect, value } from "./stage.ts";

const kind = whyMissing("mysql") === undefined ? "mysql" : "mariadb";
const ignore = whyMissing(kind) !== undefined;

async function hasIpv6(): Promise<boolean> {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return await Promise.resolve(true);
  } catch {
    return false;
  }
}

Deno.test({
  name: "proxy serves and uses Unix sockets, and removes its own",
  ignore,
  async fn() {
    const shared = await sharedServer(kind);
    if ("missing" in shared) throw new Error(shared.missing);
    const folder = await Deno.makeTempDir({ prefix: "mysql-proxy-" });
    const path = `${folder}/proxy.sock`;
    // What a crash leaves behind is in nobody's way.
    Deno.listen({ transport: "unix", path }).close();
    const proxy = await Proxy.start({ backends: [shared.server.socket], address: path });
    const client = await connect(path);
    assertEquals(await value(client, "SELECT 42"), 42);
    await client.end();
    await proxy.stop();
    assertEquals([...Deno.readDirSync(folder)], []);
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test({
  name: "proxy serves and uses IPv6",
  ignore: ignore || !await hasIpv6(),
  async fn() {
    const shared = await sharedServer(kind);
    if ("missing" in shared) throw new Error(shared.missing);
    const inner = freePort();
    const outer = freePort();
    const proxy = await Proxy.start({
      backends: [`127.0.0.1:${shared.server.port}`],
      address: `[::1]:${inner}`,
      // The test stand looks at 127.0.0.1 to see whether a proxy listens.
      args: [`--proxy-address=127.0.0.1:${inner}`],
    });
    const chained = await Proxy.start({ backends: [`[::1]:${inner}`], address: `127.0.0.1:${outer}` });
    const client = await connect(chained.port);
    assertEquals(await value(client, "SELECT 42"), 42);
    await client.end();
    await chained.stop();
    await proxy.stop();
  },
});

Deno.test("proxy says what is wrong with an address, and that a port is taken", async () => {
  const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const cases: [string[], string][] = [
    [["--proxy-address=127.0.0.1:99999"], "the port is larger than 65535"],
    [
      ["--proxy-address=127.0.0.1:0", "-b", "no-such-host.invalid"],
      'Cannot resolve the host name "no-such-host.invalid"',
    ],
    [["--proxy-address=127.0.0.1:0", "-b", "127.0.0.1,127.0.0.1:3306"], "Backend 127.0.0.1:3306 is already known"],
    [[`--proxy-address=127.0.0.1:${taken.addr.port}`], "the address is in use"],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-net", "--allow-read", "--allow-write", "main.ts", ...args],
      cwd: new URL("../../../", import.meta.url).pathname,
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 1);
    assertStringIncludes(new TextDecoder().decode(stderr), message);
  }
  taken.close();
});

import { assertEquals, assertMatch } from "@std/assert";
import { type Kind, KINDS } from "../servers/installation.ts";
import { freePort } from "../servers/port.ts";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { ROOT } from "../servers/users.ts";
import { LEASHED, withClient, withScript } from "./script_proxy.ts";

/** A test against each kind of server that is there. */
function each(name: string, body: (at: { readonly port: number }) => Promise<void>): void {
  for (const kind of KINDS satisfies readonly Kind[]) {
    Deno.test({ name: `${name} (${kind})`, ignore: whyMissing(kind) !== undefined, ...LEASHED }, async () => {
      const shared = await sharedServer(kind);
      if ("missing" in shared) throw new Error(shared.missing);
      await body(shared.server);
    });
  }
}

each("admin answers for the administrator", async (server) => {
  const nobody = { port: freePort() };
  await withScript({ script: { name: "admin" }, backends: [server], readOnly: [nobody] }, async (proxy) => {
    await withClient(proxy, async (client) => {
      const [rows, fields] = await client.connection.query({ sql: "SELECT * FROM backends", rowsAsArray: true });
      assertEquals(fields.map(({ name }) => name), [
        "backend_ndx",
        "address",
        "state",
        "type",
        "uuid",
        "connected_clients",
      ]);
      assertEquals(rows, [
        [1, `127.0.0.1:${server.port}`, "up", "rw", null, 1],
        [2, `127.0.0.1:${nobody.port}`, "unknown", "ro", null, 0],
      ]);
      assertEquals(await client.value("select * FROM Help"), "SELECT * FROM help");
      assertEquals(await client.failure("SELECT 1"), {
        errno: 1105,
        sqlState: "07000",
        message: "use 'SELECT * FROM help' to see the supported commands",
      });
      await client.connection.ping().then(
        () => Promise.reject(new Error("A ping works")),
        (error) => assertEquals(error.message, "[admin] we only handle text-based queries (COM_QUERY)"),
      );
    }, { user: ROOT.user, password: "" });
  });
});

each("admin-sql sends commands that are no SQL", async (server) => {
  await withScript({ script: { name: "admin-sql" }, backends: [server] }, async (proxy) => {
    await withClient(proxy, async (client) => {
      for (const sql of ["PING", "DEBUG", "PREP1", "DEAL1"]) assertEquals(await client.rows(sql), [], sql);
      const [rows, fields] = await client.connection.query({ sql: "STATISTICS", rowsAsArray: true });
      assertEquals(fields.map(({ name }) => name), ["statisitics"]);
      assertMatch(JSON.stringify(rows), /Uptime: \d+/);
      // The statement has been closed.
      assertEquals((await client.failure("RESET1")).errno, 1243);
      assertEquals((await client.failure("EXEC1")).errno, 1243);
      // Others go to the server.
      assertEquals((await client.failure("STATISTICS2")).errno, 1064);
      assertEquals(await client.value("SELECT 5"), 5);
    }, { user: ROOT.user, password: "" });
  });
});

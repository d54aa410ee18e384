import { assertEquals, assertMatch } from "@std/assert";
import { sharedServer, whyMissing } from "../servers/servers.ts";
import { Client, LEASHED, withClient, withScript } from "./script_proxy.ts";

const COUNTING = `
  local queries = 0
  function read_query(packet)
    if packet:byte() ~= proxy.COM_QUERY then return end
    queries = queries + 1
    if packet:sub(2) == "HOW MANY" then return proxy.global.simple_dataset("queries", tostring(queries)) end
  end
`;

const DOUBLING = `
  function read_query(packet)
    local number = packet:sub(2):match(proxy.global.make_regexp_from_command("double %d+", { 2 }))
    if not number then return end
    proxy.queries:append(7, string.char(proxy.COM_QUERY) .. "SELECT 2 * " .. number, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  function read_query_result(inj)
    for row in inj.resultset.rows do
      return proxy.global.make_dataset({ "id", "double" }, { { tostring(inj.id), row[1] } })
    end
  end
`;

Deno.test(
  { name: "load-multi loads and unloads scripts", ignore: whyMissing("mariadb") !== undefined, ...LEASHED },
  async (t) => {
    const shared = await sharedServer("mariadb");
    if ("missing" in shared) throw new Error(shared.missing);
    for (const threads of [1, 2]) {
      await t.step(`with ${threads} event threads`, async () => {
        await withScript(
          { script: { name: "load-multi" }, backends: [shared.server], threads },
          async (proxy, folder) => {
            await Deno.writeTextFile(`${folder}/counting.lua`, COUNTING);
            await Deno.writeTextFile(`${folder}/doubling.lua`, DOUBLING);
            await Deno.writeTextFile(`${folder}/broken.lua`, "function read_query(");
            await using client = await Client.open(proxy);
            const [rows, fields] = await client.connection.query({
              sql: `pload ${folder}/counting`,
              rowsAsArray: true,
            });
            assertEquals(rows, [[`module "${folder}/counting" loaded`]]);
            assertEquals(fields[0]?.name, "info");
            assertEquals(await client.rows(`PLOAD ${folder}/doubling`), [[`module "${folder}/doubling" loaded`]]);
            assertEquals(await client.value("SELECT 3"), 3);
            assertMatch(String(await client.value("HOW MANY")), /^[1-9]/);
            assertEquals(await client.rows("DOUBLE 21"), [["7", "42"]]);
            // All clients have it, on all threads.
            for (let i = 0; i < 4; i++) {
              await withClient(proxy, async (other) => assertEquals(await other.rows("DOUBLE 4"), [["7", "8"]]));
            }
            assertMatch(
              String(await client.value(`pload ${folder}/broken`)),
              /^load of ".*broken" failed \(.*broken.lua/,
            );
            assertMatch(String(await client.value("pload nothing/there")), /^load of "nothing\/there" failed \(.+\)$/);
            assertEquals(await client.rows(`punload ${folder}/counting`), [["unloaded"]]);
            assertEquals(await client.rows(`punload ${folder}/counting`), [["NOT FOUND"]]);
            assertEquals((await client.failure("HOW MANY")).errno, 1064);
            assertEquals(await client.rows("DOUBLE 5"), [["7", "10"]]);
            assertEquals((await client.rows("pload_help")).map(([command]) => command), [
              "pload module_name",
              "punload module_name",
              "pload_help",
            ]);
          },
        );
      });
    }
  },
);

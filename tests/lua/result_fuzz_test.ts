import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { Capability, Command } from "../../lib/protocol/mod.ts";
import { Verdict } from "../../lib/script/mod.ts";
import { CAPABILITIES, resultOf, TestHost } from "./_script_world.ts";

/** Looks at everything that a result has. */
const CURIOUS = `
  function read_query(packet)
    proxy.queries:append(1, packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  local names = { "name", "org_name", "table", "org_table", "db", "type", "charset", "length", "flags", "decimals" }
  local function look(res)
    for i = 1, math.min(#res.fields, 20) do
      for _, name in ipairs(names) do local value = res.fields[i][name] end
    end
    local n = 0
    if res.rows then
      for row in res.rows do
        n = n + 1
        for i = 1, math.min(#res.fields, 20) do if row[i] then n = n + #tostring(row[i]) end end
      end
    end
    local raw = res.raw and #res.raw
    local all = { res.row_count, res.bytes, res.query_status, res.affected_rows, res.insert_id, res.warning_count }
    return res.flags.in_trans
  end
  function read_query_result(inj)
    pcall(look, inj.resultset)
    for i = 1, #inj.resultsets do pcall(look, inj.resultsets[i]) end
    _G.looks = (_G.looks or 0) + 1
    return proxy.PROXY_IGNORE_RESULT
  end`;

/** Packets that begin like those of responses. */
const packet = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.tuple(fc.constantFrom(0x00, 0x01, 0x02, 0xfb, 0xfc, 0xfd, 0xfe, 0xff), fc.uint8Array({ maxLength: 12 }))
    .map(([first, rest]) => Uint8Array.of(first, ...rest)),
  fc.constantFrom(Uint8Array.of(0xfe, 0, 0, 8, 0), Uint8Array.of(0xfe, 0, 0, 2, 0), Uint8Array.of(1)),
  // The smallest column definitions.
  fc.uint8Array({ minLength: 12, maxLength: 12 }).map((fixed) =>
    Uint8Array.of(3, 100, 101, 102, 0, 0, 0, 0, 0, 12, ...fixed)
  ),
);

Deno.test("the objects of a result survive any response", async () => {
  using test = await TestHost.open(CURIOUS, { timeLimitMs: 0 });
  const script = test.connect();
  const capabilities = fc.constantFrom(CAPABILITIES, CAPABILITIES | Capability.CLIENT_DEPRECATE_EOF);
  const command = fc.constantFrom(Command.COM_QUERY, Command.COM_STMT_EXECUTE, Command.COM_PING);
  let looks = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(packet, { maxLength: 12 }),
      capabilities,
      command,
      async (packets, capabilities, command) => {
        assertEquals(await script.readQuery(Uint8Array.of(command, 65)), Verdict.SEND_QUERY);
        const query = script.queries.shift();
        if (query === undefined) throw new Error("nothing in the queue");
        const verdict = await script.readQueryResult(resultOf(query, packets, { capabilities }));
        assertEquals(verdict, Verdict.IGNORE_RESULT, test.world.records.join("\n"));
        looks++;
      },
    ),
    { numRuns: 2000 },
  );
  assertEquals(test.host.engine.execute("return looks", "=t"), [looks]);
});

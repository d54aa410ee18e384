import "../servers/node_process.ts";
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { createConnection } from "mariadb";
import { withClient } from "../scripts/script_proxy.ts";
import { APP } from "../servers/users.ts";
import { notes, probe } from "./script_stage.ts";

/** Every command is queued and kept, and the rows of what is executed are noted. */
const EXECUTED = String.raw`
  local proto = require("mysql.proto")
  commands.default = function(packet)
    proxy.queries:append(packet:byte(), packet, { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[proxy.COM_STMT_PREPARE] = function(inj)
    note("prepare", proto.from_stmt_prepare_packet(inj.query).stmt_text, inj.resultset.query_status)
    if inj.resultset.query_status == proxy.MYSQLD_PACKET_ERR then return end
    local ok = proto.from_stmt_prepare_ok_packet(inj.resultset.raw)
    note(ok.num_params, ok.num_columns, #inj.resultset.fields, inj.resultset.row_count)
    params = ok.num_params
  end
  results[proxy.COM_STMT_EXECUTE] = function(inj)
    local set = inj.resultset
    local sent = proto.from_stmt_execute_packet(inj.query, params)
    local values = {}
    for i, p in ipairs(sent.params or {}) do values[i] = p.type .. "=" .. tostring(p.value) end
    note("execute", table.concat(values, ","))
    for row in set.rows or function() end do
      local t = {}
      for i = 1, #set.fields do t[i] = set.fields[i].name .. "=" .. tostring(row[i]) .. "/" .. type(row[i]) end
      note("row", unpack(t))
    end
    note("status", set.query_status, set.row_count, set.affected_rows, set.insert_id)
  end
`;

probe("prepared statements' rows are decoded", EXECUTED, async ({ proxy, database }) => {
  await withClient(proxy, async (client) => {
    await client.rows(`CREATE TABLE t (
      i8 TINYINT, u8 TINYINT UNSIGNED, i16 SMALLINT, i24 MEDIUMINT, i32 INT, u32 INT UNSIGNED, i64 BIGINT,
      u64 BIGINT UNSIGNED, f FLOAT, d DOUBLE, n DECIMAL(20, 5), day DATE, at DATETIME(6), at0 DATETIME, ts TIMESTAMP(3),
      clock TIME(2), y YEAR, s VARCHAR(50), c CHAR(3), b BLOB, e ENUM('x', 'y'), st SET('p', 'q'), bits BIT(12), j JSON)`);
    await client.rows(`INSERT INTO t VALUES
      (-128, 255, -32768, -8388608, -2147483648, 4294967295, -9007199254740991, 18446744073709551615, 1.1, 1e300,
       -12345.67891, '2024-02-29', '2024-02-29 23:59:58.123456', '0001-01-01 00:00:00', '2020-06-07 08:09:10.5',
       '-838:59:59', 2024, 'täxt', 'abc', x'00ff', 'y', 'p,q', b'101', '{"a": 1}'),
      (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2020-06-07 08:09:10', NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`);
    await notes(client);
    const [rows] = await client.connection.execute({ sql: "SELECT * FROM t", rowsAsArray: true });
    assertEquals(Array.isArray(rows) && rows.length, 2);
    const said = await notes(client);
    assertEquals(said[0], "prepare SELECT * FROM t 0");
    assertEquals(said[1], "0 24 0 0");
    assertEquals(said[2], "execute ");
    const values = said[3];
    const expected = [
      "i8=-128/number",
      "u8=255/number",
      "i16=-32768/number",
      "i24=-8388608/number",
      "i32=-2147483648/number",
      "u32=4294967295/number",
      "i64=-9007199254740991/number",
      "u64=18446744073709551615/string",
      "f=1.1/number",
      "d=1e+300/number",
      "n=-12345.67891/string",
      "day=2024-02-29/string",
      "at=2024-02-29 23:59:58.123456/string",
      "at0=0001-01-01 00:00:00/string",
      "ts=2020-06-07 08:09:10.500/string",
      "clock=-838:59:59.00/string",
      "y=2024/number",
      "s=t\\xc3\\xa4xt/string",
      "c=abc/string",
      "b=\\x00\\xff/string",
      "e=y/string",
      "st=p,q/string",
      "bits=\\x00\\x05/string",
      'j={"a": 1}/string',
    ];
    assertEquals(values, `row ${expected.join(" ")}`);
    assertEquals(said[4]!.match(/=nil\/nil/g)?.length, 23);
    assertEquals(said[5], "status 0 2 nil nil");
    await client.connection.execute("SELECT ? AS a, ? AS b, ? AS c", ["text", null, "2"]);
    assertEquals(
      (await notes(client)).slice(1),
      [
        "3 3 0 0",
        "execute 253=text,6=nil,253=2",
        "row a=text/string b=nil/nil c=2/string",
        "status 0 1 nil nil",
      ].slice(0, 4),
    );
    await client.connection.execute("UPDATE t SET i8 = ? WHERE i8 IS NULL", [5]);
    assertEquals((await notes(client)).at(-1), "status 0 0 1 0");
    await client.connection.execute("SELEC ?", [1]).catch(() => {});
    assertEquals(await notes(client), ["prepare SELEC ? 255"]);
    // Many columns: the bitmap of NULLs is long.
    const columns = Array.from({ length: 300 }, (_, i) => i % 3 === 0 ? `NULL AS c${i}` : `${i} AS c${i}`);
    await client.connection.execute(`SELECT ${columns.join(", ")}`);
    const wide = (await notes(client)).at(-2)!;
    assertEquals(wide.split(" ").length, 301);
    assertEquals(wide.split(" ").slice(298), ["c297=nil/nil", "c298=298/number", "c299=299/number"]);
  }, { database });
});

probe("statements work while a script looks at each command", EXECUTED, async ({ proxy, database }) => {
  const connection = await createConnection({
    host: "127.0.0.1",
    port: proxy.port,
    user: APP.user,
    password: APP.password,
    database,
    allowPublicKeyRetrieval: true,
    bigIntAsNumber: true,
  });
  try {
    await connection.query("CREATE TABLE t (id INT, v LONGBLOB)");
    const insert = await connection.prepare("INSERT INTO t VALUES (?, ?)");
    for (let i = 0; i < 3; i++) await insert.execute([i, Buffer.alloc(100_000, i)]);
    insert.close();
    await connection.batch("INSERT INTO t VALUES (?, ?)", [[10, "a"], [11, "b"], [12, null]]);
    const rows: unknown[] = [];
    for await (const row of connection.queryStream("SELECT id, LENGTH(v) AS n FROM t ORDER BY id")) rows.push(row);
    assertEquals(rows, [
      { id: 0, n: 100000 },
      { id: 1, n: 100000 },
      { id: 2, n: 100000 },
      { id: 10, n: 1 },
      { id: 11, n: 1 },
      { id: 12, n: null },
    ]);
    const [one] = await connection.execute("SELECT id, v FROM t WHERE id = ?", [11]);
    assertEquals(one.id, 11);
    await connection.reset().catch(() => {});
    await connection.ping();
  } finally {
    await connection.end();
  }
});

probe(
  "commands without an answer pass, alone and among a script's own",
  String.raw`
  commands[proxy.COM_STMT_SEND_LONG_DATA] = function(packet)
    proxy.queries:append(1, packet)
    return proxy.PROXY_SEND_QUERY
  end
  commands[proxy.COM_STMT_CLOSE] = function(packet)
    proxy.queries:append(1, packet)
    proxy.queries:append(2, "\3SET @closed = COALESCE(@closed, 0) + 1", { resultset_is_needed = true })
    return proxy.PROXY_SEND_QUERY
  end
  results[1] = function() note("no result expected") end
  results[2] = function(inj) note("set", inj.resultset.query_status) return proxy.PROXY_IGNORE_RESULT end`,
  async ({ proxy, database }) => {
    await withClient(proxy, async (client) => {
      const statement = await client.connection.prepare("SELECT ? AS v");
      await statement.execute([1]);
      await statement.close();
      assertEquals(await client.value("SELECT @closed"), 1);
      assertEquals(await notes(client), ["set 0"]);
    }, { database });
  },
);

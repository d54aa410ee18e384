import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { LuaError, type LuaValue } from "../../../lib/lua/engine.ts";
import {
  Capability,
  ColumnType,
  encodeHandshake,
  encodeHandshakeResponse,
  encodeStatementExecute,
} from "../../../lib/protocol/mod.ts";
import { asText, moduleState } from "./module_state.ts";

const { engine, run } = await moduleState();
run(`proto = require("mysql.proto")`);

/** Calls a function of the module. */
function call(name: string, ...args: LuaValue[]): LuaValue {
  const { main, api } = engine;
  const coroutine = engine.begin();
  engine.load(coroutine.L, `return proto.${name}(...)`, "=test");
  for (const arg of args) engine.push(coroutine.L, arg);
  const result = engine.run(coroutine, args.length, (L) => engine.value(L, 1));
  if (result instanceof Promise) throw new Error("It has waited");
  assertEquals(api.lua_gettop(main), 0);
  return result;
}
const decode = (name: string, ...args: LuaValue[]) => asText(call(name, ...args));
const bytes = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

Deno.test("to_err_packet() and from_err_packet()", () => {
  assertEquals(call("to_err_packet", {}), bytes("\xff\x00\x00#07000"));
  assertEquals(
    call("to_err_packet", { errmsg: "hi", sqlstate: "HY000", errcode: 1105 }),
    bytes("\xff\x51\x04#HY000hi"),
  );
  assertEquals((call("to_err_packet", { errmsg: "x".repeat(600) }) as Uint8Array).length, 9 + 512);
  assertEquals(decode("from_err_packet", bytes("\xff\x51\x04#HY000h\xe9")), {
    errcode: 1105,
    sqlstate: "HY000",
    errmsg: "h\xe9",
  });
  assertEquals(decode("from_err_packet", bytes("\xff\x51\x04#HY000")), { errcode: 1105, sqlstate: "HY000" });
  for (const wrong of ["", "\xff", "\xff\x51\x04hello", "\xff\x51\x04#HY", "\x00\x00\x00"]) {
    assertThrows(() => call("from_err_packet", bytes(wrong)), LuaError);
  }
  assertThrows(() => call("to_err_packet", { sqlstate: "HY" }), LuaError, "5 bytes");
  assertThrows(() => call("to_err_packet", "x"), LuaError, "bad argument #1 to 'to_err_packet' (table expected");
  assertThrows(() => call("to_err_packet", { errcode: 70000 }), LuaError, "16 bits");
  assertThrows(() => call("to_err_packet", { errcode: {} }), LuaError, "field 'errcode' must be a number, got table");
});

Deno.test("to_ok_packet() and from_ok_packet()", () => {
  assertEquals(call("to_ok_packet", {}), bytes("\0\0\0\0\0\0\0"));
  const fields = { affected_rows: 300, insert_id: 2 ** 40, server_status: 2, warnings: 3 };
  const packet = call("to_ok_packet", fields);
  assertEquals(packet, bytes("\0\xfc\x2c\x01\xfe\0\0\0\0\0\x01\0\0\x02\0\x03\0"));
  assertEquals(decode("from_ok_packet", packet), fields);
  assertEquals(decode("from_ok_packet", bytes("\0\x01\x02\x03\0\x04\0and so on")), {
    affected_rows: 1,
    insert_id: 2,
    server_status: 3,
    warnings: 4,
  });
  assertEquals(run(`return proto.from_ok_packet(proto.to_ok_packet{insert_id = 9007199254740993}).insert_id`), [
    9007199254740993n,
  ]);
  assertThrows(() => call("from_ok_packet", bytes("\xff\0\0\0\0\0\0")), LuaError);
  assertThrows(() => call("from_ok_packet", bytes("\0\0\0")), LuaError);
  assertThrows(() => call("to_ok_packet", { insert_id: -1 }), LuaError);
});

Deno.test("to_eof_packet() and from_eof_packet()", () => {
  assertEquals(call("to_eof_packet", {}), bytes("\xfe\0\0\0\0"));
  assertEquals(call("to_eof_packet", { server_status: 2, warnings: 1 }), bytes("\xfe\x01\0\x02\0"));
  assertEquals(decode("from_eof_packet", bytes("\xfe\x01\0\x02\0")), { server_status: 2, warnings: 1 });
  assertThrows(() => call("from_eof_packet", bytes("\0")), LuaError);
});

const challengeDefaults = {
  protocol_version: 0,
  server_version: 50099,
  thread_id: 0,
  capabilities: 0x8200,
  charset: 0,
  server_status: 0,
  challenge: "01234567890123456789",
};

Deno.test("to_challenge_packet() and from_challenge_packet()", () => {
  const packet = call("to_challenge_packet", {}) as Uint8Array;
  assertEquals(String.fromCharCode(...packet.subarray(0, 8)), "\x0a5.0.99\0");
  assertEquals(decode("from_challenge_packet", packet), challengeDefaults);
  const version = (server_version: number) =>
    new TextDecoder().decode((call("to_challenge_packet", { server_version }) as Uint8Array).subarray(1, 8));
  assertEquals([version(50506), version(30001), version(99999), version(30000), version(100000)], [
    "5.05.06",
    "3.00.01",
    "9.99.99",
    "5.0.99\0",
    "5.0.99\0",
  ]);
  const fields = {
    protocol_version: 0,
    server_version: 50711,
    thread_id: 7,
    capabilities: 0x8200 | Number(Capability.CLIENT_PLUGIN_AUTH),
    charset: 8,
    server_status: 2,
    challenge: "abcdefghijklmnopqrst",
    auth_plugin_name: "mysql_native_password",
  };
  assertEquals(decode("from_challenge_packet", call("to_challenge_packet", fields)), fields);
  assertEquals(
    decode("from_challenge_packet", call("to_challenge_packet", { ...fields, challenge: `${fields.challenge}\0` })),
    fields,
  );
});

Deno.test("from_challenge_packet() reads what servers of today send", () => {
  const payload = encodeHandshake({
    serverVersion: "5.5.5-10.11.6-MariaDB",
    connectionId: 5,
    authData: bytes("abcdefghijklmnopqrst"),
    capabilities: 0xfffffffen & ~Capability.CLIENT_LONG_PASSWORD | 1n << 34n,
    charset: 45,
    status: 2,
    authPluginName: "mysql_native_password",
  });
  assertEquals(decode("from_challenge_packet", payload), {
    protocol_version: 0,
    server_version: 101106,
    thread_id: 5,
    capabilities: 0xfffffffe,
    charset: 45,
    server_status: 2,
    challenge: "abcdefghijklmnopqrst",
    auth_plugin_name: "mysql_native_password",
  });
});

Deno.test("to_challenge_packet() refuses a challenge that is too short", () => {
  for (const challenge of ["", "1234567"]) {
    assertThrows(() => call("to_challenge_packet", { challenge }), LuaError, "nonce");
  }
  assertEquals(
    (decode(
      "from_challenge_packet",
      call("to_challenge_packet", { challenge: "12345678", capabilities: 512 }),
    ) as Record<string, LuaValue>)["challenge"],
    "12345678",
  );
});

Deno.test("from_challenge_packet() refuses what is no handshake", () => {
  const packet = call("to_challenge_packet", {}) as Uint8Array;
  // The short form of servers before 4.1 ends after the low capabilities.
  for (const length of [0, 1, 5, 12, 20, 22, 24, 30, 38]) {
    assertThrows(() => call("from_challenge_packet", packet.subarray(0, length)), LuaError);
  }
  assertThrows(() => call("from_challenge_packet", bytes("\xff\x10\x04Too many connections")), LuaError);
  assertThrows(() => call("from_challenge_packet", bytes("\x0ahello\0")), LuaError);
});

Deno.test("to_response_packet() and from_response_packet()", () => {
  const fields = {
    capabilities: 0x8200,
    server_capabilities: 0x8200,
    max_packet_size: 1 << 24,
    charset: 8,
    username: "root",
    response: "x".repeat(20),
  };
  const packet = call("to_response_packet", fields) as Uint8Array;
  assertEquals(packet.length, 32 + 5 + 21);
  assertEquals(decode("from_response_packet", packet, 0x8200), fields);
  assertEquals(decode("from_response_packet", call("to_response_packet", { server_capabilities: 0x8200 }), 0x8200), {
    capabilities: 0x8200,
    server_capabilities: 0x8200,
    max_packet_size: 0,
    charset: 0,
  });
  assertThrows(
    () => call("to_response_packet", { username: "root" }),
    LuaError,
    "field 'server_capabilities' is missing",
  );

  const all = 0x8200 | Number(Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_WITH_DB);
  const full = { ...fields, capabilities: all, server_capabilities: all, database: "test", auth_plugin_name: "plugin" };
  assertEquals(decode("from_response_packet", call("to_response_packet", full), all), full);
  // What one side does not know is not written.
  const { database: _database, auth_plugin_name: _name, ...rest } = { ...full, server_capabilities: 0x8200 };
  assertEquals(
    decode("from_response_packet", call("to_response_packet", { ...full, server_capabilities: 0x8200 }), 0x8200),
    rest,
  );
});

Deno.test("from_response_packet() reads the response of old clients", () => {
  assertEquals(decode("from_response_packet", bytes("\x04\x00\xff\xff\xff" + "root\0" + "scramble"), 0), {
    capabilities: 4,
    server_capabilities: 0,
    max_packet_size: 0xffffff,
    charset: 0,
    username: "root",
    response: "scramble",
  });
});

Deno.test("from_response_packet() reads what clients of today send", () => {
  const capabilities = 0x8200n | Capability.CLIENT_PLUGIN_AUTH | Capability.CLIENT_CONNECT_WITH_DB |
    Capability.CLIENT_CONNECT_ATTRS | Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;
  const payload = encodeHandshakeResponse({
    kind: "response41",
    capabilities,
    maxPacketSize: 1000,
    charset: 255,
    username: "jürgen",
    authResponse: bytes("y".repeat(300)),
    database: "db",
    authPluginName: "caching_sha2_password",
    attributes: new Map([["_os", "Linux"]]),
  });
  assertEquals(decode("from_response_packet", payload, 0xffffffff), {
    capabilities: Number(capabilities),
    server_capabilities: 0xffffffff,
    max_packet_size: 1000,
    charset: 255,
    username: "j\xc3\xbcrgen",
    response: "y".repeat(300),
    database: "db",
    auth_plugin_name: "caching_sha2_password",
  });
  assertThrows(() => call("from_response_packet", payload.subarray(0, 32), 0xffffffff), LuaError);
  assertThrows(() => call("from_response_packet", payload.subarray(0, 60), 0xffffffff), LuaError);
  assertThrows(() => call("from_response_packet", bytes(""), 0), LuaError);
});

const masterInfo = "15\nmysql-bin.000003\n4223\nhost\nrepl\nsecret\n3306\n60\n0\n\n\n\n\n\n0\n";

Deno.test("from_masterinfo_string() and to_masterinfo_string()", () => {
  const fields = {
    master_lines: 15,
    master_log_file: "mysql-bin.000003",
    master_log_pos: 4223,
    master_host: "host",
    master_user: "repl",
    master_password: "secret",
    master_port: 3306,
    master_connect_retry: 60,
    master_ssl: 0,
    master_ssl_verify_server_cert: 0,
  };
  assertEquals(decode("from_masterinfo_string", masterInfo), fields);
  assertEquals(call("to_masterinfo_string", fields), bytes(masterInfo));
  const short = masterInfo.replace(/^15/, "14").slice(0, -2);
  assertEquals(call("to_masterinfo_string", call("from_masterinfo_string", short)), bytes(short));
  const full = "18\na\n1\nb\nc\nd\n2\n3\n1\ne\nf\ng\nh\ni\n1\n";
  assertEquals(call("to_masterinfo_string", call("from_masterinfo_string", full)), bytes(full));
  assertThrows(() => call("from_masterinfo_string", masterInfo.slice(0, -1)), LuaError, "line feed");
  assertThrows(() => call("from_masterinfo_string", masterInfo.replace("3306", "mysql")), LuaError, "number");
  assertThrows(() => call("to_masterinfo_string", { master_host: "a\nb" }), LuaError, "line feed");
});

Deno.test("the packets of prepared statements", () => {
  assertEquals(decode("from_stmt_prepare_packet", bytes("\x16SELECT ?")), { stmt_text: "SELECT ?" });
  assertEquals(decode("from_stmt_prepare_ok_packet", bytes("\0\x01\0\0\0\x02\0\x03\0\0\x04\0")), {
    stmt_id: 1,
    num_columns: 2,
    num_params: 3,
    warnings: 4,
  });
  assertEquals(decode("from_stmt_close_packet", bytes("\x19\x05\0\0\0")), { stmt_id: 5 });
  assertEquals(call("stmt_id_from_stmt_execute_packet", bytes("\x17\x06\0\0\x80")), 0x80000006);
  assertThrows(() => call("from_stmt_prepare_packet", bytes("\x03SELECT 1")), LuaError);
  assertThrows(() => call("from_stmt_prepare_ok_packet", bytes("\0\x01")), LuaError);
  assertThrows(() => call("from_stmt_close_packet", bytes("\x19\x05")), LuaError);
  assertThrows(() => call("stmt_id_from_stmt_execute_packet", bytes("\x03SELECT 1")), LuaError);
});

const date = { kind: "datetime", year: 2009, month: 2, day: 3, hour: 4, minute: 5, second: 6, microsecond: 7 } as const;
const time = { kind: "time", negative: true, days: 12, hour: 1, minute: 2, second: 3, microsecond: 456 } as const;
const parameters = [
  { type: ColumnType.MYSQL_TYPE_TINY, unsigned: false, value: -1 },
  { type: ColumnType.MYSQL_TYPE_TINY, unsigned: true, value: 255 },
  { type: ColumnType.MYSQL_TYPE_SHORT, unsigned: false, value: -300 },
  { type: ColumnType.MYSQL_TYPE_LONG, unsigned: true, value: 0xffffffff },
  { type: ColumnType.MYSQL_TYPE_LONGLONG, unsigned: false, value: -5n },
  { type: ColumnType.MYSQL_TYPE_LONGLONG, unsigned: true, value: 2n ** 63n },
  { type: ColumnType.MYSQL_TYPE_DOUBLE, unsigned: false, value: 1.5 },
  { type: ColumnType.MYSQL_TYPE_FLOAT, unsigned: false, value: 0.25 },
  { type: ColumnType.MYSQL_TYPE_VAR_STRING, unsigned: false, value: bytes("a\0\xff") },
  { type: ColumnType.MYSQL_TYPE_BLOB, unsigned: false, value: bytes("") },
  { type: ColumnType.MYSQL_TYPE_DATE, unsigned: false, value: date },
  { type: ColumnType.MYSQL_TYPE_DATETIME, unsigned: false, value: date },
  { type: ColumnType.MYSQL_TYPE_TIME, unsigned: false, value: time },
  { type: ColumnType.MYSQL_TYPE_NULL, unsigned: false, value: null },
  { type: ColumnType.MYSQL_TYPE_STRING, unsigned: false, value: null },
];
const expected = [
  { type: 1, value: -1 },
  { type: 1, value: 255 },
  { type: 2, value: -300 },
  { type: 3, value: 0xffffffff },
  { type: 8, value: -5 },
  { type: 8, value: 2 ** 63 },
  { type: 5, value: 1.5 },
  { type: 4, value: 0.25 },
  { type: 253, value: "a\0\xff" },
  { type: 252, value: "" },
  { type: 10, value: "2009-02-03" },
  { type: 12, value: "2009-02-03 04:05:06.000000007" },
  { type: 11, value: "-12 01:02:03.000000456" },
  { type: 6 },
  { type: 254 },
];

Deno.test("from_stmt_execute_packet() decodes every kind of value", () => {
  const execute = { statementId: 3, flags: 0, iterations: 1, typesSent: true, parameters };
  const fields = { stmt_id: 3, flags: 0, iteration_count: 1, new_params_bound: true, params: expected };
  assertEquals(decode("from_stmt_execute_packet", encodeStatementExecute(execute, 0n), parameters.length), fields);
  // With query attributes, as clients of MySQL 9 send it.
  const named = {
    ...execute,
    flags: 8,
    parameters: [...parameters, { type: 8, unsigned: false, name: "x", value: 1n }],
  };
  assertEquals(
    decode(
      "from_stmt_execute_packet",
      encodeStatementExecute(named, Capability.CLIENT_QUERY_ATTRIBUTES),
      parameters.length,
    ),
    { ...fields, flags: 8 },
  );
});

Deno.test("from_stmt_execute_packet() has parameters only with their types", () => {
  const head = { stmt_id: 1, flags: 0, iteration_count: 1, new_params_bound: false };
  assertEquals(decode("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0"), 0), head);
  assertEquals(decode("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0\0\0\x05"), 1), head);
  assertThrows(() => call("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0"), 1), LuaError);
  assertThrows(
    () => call("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x03\0\x05"), 1),
    LuaError,
  );
  assertThrows(
    () => call("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0\0\x01\x77\0\x05"), 1),
    LuaError,
    "MYSQL_TYPE_0x77",
  );
  assertThrows(() => call("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0"), 2 ** 40), LuaError);
  assertThrows(() => call("from_stmt_execute_packet", bytes("\x17\x01\0\0\0\0\x01\0\0\0"), -1), LuaError);
});

Deno.test("mysql.proto is a module and a global", () => {
  assertEquals(run(`return proto == package.loaded["mysql.proto"], type(proto._VERSION), type(proto._COPYRIGHT)`), [
    true,
    "string",
    "string",
  ]);
});

Deno.test("whatever the bytes are, a decoder gives a table or raises an error", () => {
  const decoders = run(`local names = {}
    for name in pairs(proto) do if name:find("^from_") then names[#names + 1] = name end end
    return names`)[0];
  if (!Array.isArray(decoders)) throw new Error("There are no decoders");
  assertEquals(decoders.length, 10);
  const first = fc.constantFrom(0x00, 0x0a, 0x16, 0x17, 0x19, 0xfe, 0xff);
  const payload = fc.tuple(first, fc.uint8Array({ maxLength: 80 })).map(([byte, rest]) => Uint8Array.of(byte, ...rest));
  fc.assert(
    fc.property(
      fc.constantFrom(...decoders.map(String)),
      payload,
      fc.integer({ min: 0, max: 70000 }),
      (name, bytes, n) => {
        try {
          assertEquals(typeof call(name, bytes, n), "object");
        } catch (error) {
          if (!(error instanceof LuaError) || error.code !== "script") throw error;
        }
      },
    ),
    { numRuns: 2000 },
  );
});

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ClientQuery } from "../../lib/core/client_query.ts";
import {
  Capability,
  ColumnType,
  encodeCommand,
  encodeError,
  encodeLocalInfileRequest,
  encodeOk,
  encodePacket,
  encodePackets,
  encodeText,
  newColumn,
  ProtocolError,
  resultSetPayloads,
  ServerStatus,
} from "../../lib/protocol/mod.ts";

const BASE = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SESSION_TRACK;
const NEW = BASE | Capability.CLIENT_DEPRECATE_EOF;
const MORE = ServerStatus.SERVER_MORE_RESULTS_EXISTS;

function newQuery(capabilities = NEW, limit = 1 << 20): ClientQuery {
  return new ClientQuery(encodeCommand(3, "SELECT 1"), capabilities, limit);
}

const BINARY = Uint8Array.of(0, 0xfe, 0xff, 0xfb);

function resultSet(capabilities: bigint, status = 2): Uint8Array[] {
  const columns = [newColumn("n", ColumnType.MYSQL_TYPE_LONGLONG), newColumn("ü", ColumnType.MYSQL_TYPE_BLOB)];
  return [...resultSetPayloads({ format: "text", columns, rows: [["1", BINARY], [null, ""]], status }, capabilities)];
}

const ROWS = {
  kind: "rows",
  columns: [{ name: "n", type: 8 }, { name: "ü", type: 252 }],
  rows: [[encodeText("1"), BINARY], [null, new Uint8Array(0)]],
} as const;

Deno.test("ClientQuery reads a result set, whatever pieces it comes in", () => {
  for (const capabilities of [BASE, NEW]) {
    const bytes = encodePackets(resultSet(capabilities), 1);
    for (const size of [1, 7, bytes.length]) {
      const query = newQuery(capabilities);
      for (let at = 0; at < bytes.length; at += size) {
        const result = query.receive(bytes.subarray(at, at + size));
        if (at + size < bytes.length) assertEquals(result, undefined);
        else assertEquals(result, { outcome: ROWS, schemaChanged: false });
      }
      assertEquals(query.over, true);
    }
  }
});

Deno.test("ClientQuery reads OK and ERR, and tells of a change of the default database", () => {
  const ok = encodeOk({ affectedRows: 3, lastInsertId: 2n ** 40n, warnings: 1, status: 2 }, NEW);
  assertEquals(newQuery().receive(encodePacket(ok, 1))?.outcome, {
    kind: "ok",
    affectedRows: 3,
    insertId: 2 ** 40,
    warnings: 1,
  });
  assertEquals(newQuery().receive(encodePacket(encodeError(1064, "You have an error"), 1))?.outcome, {
    kind: "error",
    code: 1064,
    sqlState: "42000",
    message: "You have an error",
  });
  const use = encodeOk({ sessionState: [{ kind: "schema", name: "shop" }] }, NEW);
  assertEquals(newQuery().receive(encodePacket(use, 1))?.schemaChanged, true);
});

Deno.test("ClientQuery takes the first of several results, and reads the others to their end", () => {
  for (const capabilities of [BASE, NEW]) {
    const ok = encodeOk({ status: 2 }, capabilities);
    const after = encodePackets([...resultSet(capabilities, MORE), ...resultSet(capabilities, MORE), ok], 1);
    assertEquals(newQuery(capabilities).receive(after)?.outcome, ROWS);
    const unfinished = encodePackets(resultSet(capabilities, MORE), 1);
    assertEquals(newQuery(capabilities).receive(unfinished), undefined);
    const first = encodeOk({ affectedRows: 5, status: MORE }, capabilities);
    assertEquals(
      newQuery(capabilities).receive(encodePackets([first, ...resultSet(capabilities)], 1))?.outcome.kind,
      "ok",
    );
    const broken = encodePackets([...resultSet(capabilities, MORE), encodeError(1146, "no table")], 1);
    assertEquals(newQuery(capabilities).receive(broken)?.outcome.kind, "error");
  }
});

Deno.test("ClientQuery takes an ERR among the rows for the outcome", () => {
  const payloads = resultSet(NEW);
  payloads[payloads.length - 1] = encodeError(1317, "Query execution was interrupted");
  assertEquals(newQuery().receive(encodePackets(payloads, 1))?.outcome.kind, "error");
});

Deno.test("ClientQuery gives up a result over the limit, also one of nothing but NULL", () => {
  const columns = [newColumn("n", ColumnType.MYSQL_TYPE_NULL)];
  function* nothings() {
    for (let i = 0; i < 1000; i++) yield [null];
  }
  const bytes = encodePackets(resultSetPayloads({ format: "text", columns, rows: nothings() }, NEW), 1);
  const error = assertThrows(() => newQuery(NEW, 10_000).receive(bytes), ProtocolError, "more than 10000 bytes");
  assertEquals(error.code, "too-large");
  assertEquals(newQuery(NEW, 200_000).receive(bytes)?.outcome.kind, "rows");
  const long = encodePacket(new Uint8Array(20_000).fill(1), 1);
  assertEquals(assertThrows(() => newQuery(NEW, 10_000).receive(long), ProtocolError).code, "too-large");
});

Deno.test("ClientQuery refuses what is no response", () => {
  const file = encodePacket(encodeLocalInfileRequest("/etc/passwd"), 1);
  assertThrows(() => newQuery().receive(file), ProtocolError, "local file");
  const ok = encodeOk({}, NEW);
  assertThrows(() => newQuery().receive(encodePackets([ok, ok], 1)), ProtocolError, "More came");
  const [header, ...rest] = resultSet(NEW);
  assertThrows(() => newQuery(BASE).receive(encodePackets([header!, ...rest], 1)), ProtocolError);
});

Deno.test("ClientQuery throws nothing but ProtocolError, whatever a server says", () => {
  const payload = fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.constantFrom(...resultSet(NEW), ...resultSet(BASE, MORE)),
  );
  fc.assert(fc.property(fc.array(payload, { maxLength: 12 }), fc.constantFrom(BASE, NEW), (payloads, capabilities) => {
    try {
      newQuery(capabilities).receive(encodePackets(payloads, 1));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }));
});

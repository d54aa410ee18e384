import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  type ColumnDefinition,
  ColumnType,
  cursorPayloads,
  cursorRowPayloads,
  encodeResultSet,
  encodeResultSetHeader,
  newColumn,
  PacketReader,
  parseResultSetHeader,
  parseTextRow,
  resultSetPayloads,
  ServerStatus,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const CLASSIC = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_SESSION_TRACK;
const MODERN = CLASSIC | Capability.CLIENT_DEPRECATE_EOF;

const one: ColumnDefinition = { ...newColumn("one", ColumnType.MYSQL_TYPE_LONGLONG), length: 2, flags: 0x81 };
const id: ColumnDefinition = {
  ...newColumn("id", ColumnType.MYSQL_TYPE_LONG),
  schema: "shop",
  table: "item",
  originalTable: "item",
  originalName: "id",
  length: 11,
  flags: 0x0001,
};
const idDefinition = "03646566 0473686f70 046974656d 046974656d 026964 026964 0c 3f00 0b000000 03 0100 00 0000";

Deno.test("resultSetPayloads() makes what MySQL 9.7.4 sends with DEPRECATE_EOF", () => {
  // select 1 as one; set @a=1; select 2
  const status = ServerStatus.SERVER_STATUS_AUTOCOMMIT | ServerStatus.SERVER_MORE_RESULTS_EXISTS;
  const payloads = [...resultSetPayloads({ format: "text", columns: [one], rows: [["1"]], status }, MODERN)];
  assertEquals(payloads, [
    hex("01"),
    hex("03646566 00 00 00 036f6e65 00 0c 3f00 02000000 08 8100 00 0000"),
    hex("0131"),
    hex("fe 00 00 0a00 0000"),
  ]);
});

Deno.test("resultSetPayloads() makes what MySQL 9.7.4 sends without DEPRECATE_EOF", () => {
  const status = ServerStatus.SERVER_STATUS_AUTOCOMMIT | ServerStatus.SERVER_MORE_RESULTS_EXISTS;
  const payloads = [...resultSetPayloads({ format: "text", columns: [one], rows: [["1"]], status }, CLASSIC)];
  assertEquals(payloads, [
    hex("01"),
    hex("03646566 00 00 00 036f6e65 00 0c 3f00 02000000 08 8100 00 0000"),
    hex("fe 0000 0a00"),
    hex("0131"),
    hex("fe 0000 0a00"),
  ]);
});

Deno.test("resultSetPayloads() leaves metadata out as MySQL 9.7.4 with resultset_metadata=none", () => {
  const columns = [one, one, one];
  const resultSet = { format: "text", columns, rows: [["1", "2", "3"]], status: 2, metadata: false } as const;
  const optional = Capability.CLIENT_OPTIONAL_RESULTSET_METADATA;
  assertEquals([...resultSetPayloads(resultSet, MODERN | optional)], [
    hex("03 00"),
    hex("0131 0132 0133"),
    hex("fe 00 00 0200 0000"),
  ]);
  assertEquals([...resultSetPayloads(resultSet, CLASSIC | optional)], [
    hex("03 00"),
    hex("fe 0000 0200"),
    hex("0131 0132 0133"),
    hex("fe 0000 0200"),
  ]);
  // Not agreed on: the definitions are sent.
  assertEquals([...resultSetPayloads(resultSet, MODERN)].length, 6);
});

Deno.test("parseResultSetHeader() finds the metadata byte of both vendors after the count", () => {
  // MySQL 9.7.4 with resultset_metadata=full and none, and MariaDB 10.11.19.
  const mysql = Capability.CLIENT_OPTIONAL_RESULTSET_METADATA;
  const mariadb = Capability.MARIADB_CLIENT_CACHE_METADATA;
  assertEquals(parseResultSetHeader(hex("03 01"), mysql), { columnCount: 3, metadataFollows: true });
  assertEquals(parseResultSetHeader(hex("03 00"), mysql), { columnCount: 3, metadataFollows: false });
  assertEquals(parseResultSetHeader(hex("05 01"), mariadb), { columnCount: 5, metadataFollows: true });
  assertEquals(parseResultSetHeader(hex("05"), 0n), { columnCount: 5, metadataFollows: true });
  for (const capabilities of [0n, mysql, mariadb]) {
    const header = { columnCount: 4096, metadataFollows: true };
    assertEquals(parseResultSetHeader(encodeResultSetHeader(header, capabilities), capabilities), header);
  }
});

Deno.test("cursorPayloads() makes what both servers send for an opened cursor", () => {
  // MySQL 9.7.4 and MariaDB 10.11.19: COM_STMT_EXECUTE with CURSOR_TYPE_READ_ONLY.
  assertEquals([...cursorPayloads([id], 2, CLASSIC)], [hex("01"), hex(idDefinition), hex("fe 0000 4200")]);
  assertEquals([...cursorPayloads([id], 2, MODERN)], [hex("01"), hex(idDefinition), hex("fe 00 00 4200 0000")]);
});

Deno.test("cursorRowPayloads() makes what both servers send for COM_STMT_FETCH", () => {
  assertEquals([...cursorRowPayloads([id], [[1], [2]], true, 2, CLASSIC)], [
    hex("00 00 01000000"),
    hex("00 00 02000000"),
    hex("fe 0000 8200"),
  ]);
  assertEquals([...cursorRowPayloads([id], [[1]], false, 2, MODERN)], [
    hex("00 00 01000000"),
    hex("fe 00 00 4200 0000"),
  ]);
});

Deno.test("encodeResultSet() frames a result set that PacketReader takes apart", () => {
  const cells = fc.array(fc.tuple(fc.string(), fc.option(fc.string())));
  fc.assert(fc.property(cells, fc.constantFrom(CLASSIC, MODERN), (rows, capabilities) => {
    const columns = [
      newColumn("a", ColumnType.MYSQL_TYPE_VAR_STRING),
      newColumn("b", ColumnType.MYSQL_TYPE_VAR_STRING),
    ];
    const framed = encodeResultSet({ format: "text", columns, rows }, capabilities, 1);
    const packets = new PacketReader().push(framed);
    assertEquals(packets.map((packet) => packet.sequenceId), packets.map((_, i) => (i + 1) % 256));
    const first = capabilities === CLASSIC ? 4 : 3;
    const decoder = new TextDecoder();
    const read = packets.slice(first, -1).map((packet) =>
      parseTextRow(packet.payload, 2).map((value) => value && decoder.decode(value))
    );
    assertEquals(read, rows);
  }));
});

Deno.test("resultSetPayloads() takes binary rows from a generator", () => {
  function* rows() {
    for (let i = 1; i <= 3; i++) yield [i];
  }
  const payloads = [...resultSetPayloads({ format: "binary", columns: [id], rows: rows() }, MODERN)];
  assertEquals(payloads.slice(2, 5), [hex("00 00 01000000"), hex("00 00 02000000"), hex("00 00 03000000")]);
});

import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  BinlogDumpFlag,
  encodeBinlogDump,
  encodeBinlogEvent,
  encodeRegisterReplica,
  parseBinlogDump,
  parseBinlogEvent,
  parseRegisterReplica,
  ProtocolError,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

Deno.test("parseBinlogDump() reads mysqlbinlog's COM_BINLOG_DUMP", () => {
  // mysqlbinlog 9.7.4 --read-from-remote-server binlog.000001
  const payload = hex("12 04000000 0100 00000000 62696e6c6f672e303030303031");
  const dump = parseBinlogDump(payload);
  assertEquals(dump, {
    kind: "position",
    position: 4,
    flags: BinlogDumpFlag.BINLOG_DUMP_NON_BLOCK,
    serverId: 0,
    fileName: "binlog.000001",
  });
  assertEquals(encodeBinlogDump(dump), payload);
});

Deno.test("parseBinlogDump() reads mysqlbinlog's COM_BINLOG_DUMP_GTID", () => {
  // mysqlbinlog 9.7.4 --read-from-remote-source=BINLOG-DUMP-GTIDS with --exclude-gtids=3E11FA47-…:1-5
  const payload = hex(`
    1e 0100 00000000 0d000000 62696e6c6f672e303030303031 0400000000000000 30000000
    0100000000000000 3e11fa4771ca11e19e33c80aa9429562 0100000000000000 0100000000000000 0600000000000000`);
  const dump = parseBinlogDump(payload);
  assertEquals({ ...dump, gtidSet: undefined }, {
    kind: "gtid",
    position: 4n,
    flags: 1,
    serverId: 0,
    fileName: "binlog.000001",
    gtidSet: undefined,
  });
  assertEquals(encodeBinlogDump(dump), payload);
});

Deno.test("parseBinlogDump() reads a MariaDB replica's dump without a file name", () => {
  // A MariaDB 10.11.19 replica with master_use_gtid=slave_pos.
  assertEquals(parseBinlogDump(hex("12 04000000 0000 08000000")), {
    kind: "position",
    position: 4,
    flags: 0,
    serverId: 8,
    fileName: "",
  });
});

Deno.test("parseBinlogDump() refuses other packets and overruns", () => {
  assertEquals(assertThrows(() => parseBinlogDump(hex("0e")), ProtocolError).code, "malformed");
  const overrun = hex("1e 0100 00000000 ffffffff 6269");
  assertEquals(assertThrows(() => parseBinlogDump(overrun), ProtocolError).code, "truncated");
});

Deno.test("parseRegisterReplica() reads a MariaDB replica's COM_REGISTER_SLAVE", () => {
  // A MariaDB 10.11.19 replica with --server-id=8 --report-host=replica1 --report-port=24308.
  const payload = hex("15 08000000 08 7265706c69636131 00 00 f45e 00000000 00000000");
  const replica = parseRegisterReplica(payload);
  assertEquals(replica, {
    serverId: 8,
    hostname: "replica1",
    user: "",
    password: "",
    port: 24308,
    rank: 0,
    sourceId: 0,
  });
  assertEquals(encodeRegisterReplica(replica), payload);
});

Deno.test("parseBinlogEvent() reads the stream of MySQL 9.7.4", () => {
  // The artificial ROTATE_EVENT that begins the stream, and a XID_EVENT with its checksum.
  const rotate = hex("00 00000000 04 01000000 28000000 00000000 2000 0400000000000000 62696e6c6f672e303030303031");
  const event = parseBinlogEvent(rotate);
  assertEquals({ ...event, body: event.body.length }, {
    timestamp: 0,
    type: 4,
    serverId: 1,
    size: 40,
    nextPosition: 0,
    flags: 0x20,
    body: 21,
  });
  assertEquals(event.size, rotate.length - 1);
  assertEquals(encodeBinlogEvent(event), rotate);

  const xid = parseBinlogEvent(hex("00 dc41026b 10 01000000 1f000000 c4050000 0000 0b00000000000000 56eb456f"));
  assertEquals([xid.type, xid.nextPosition, xid.body.length], [16, 1476, 12]);
});

Deno.test("parseBinlogEvent() refuses other packets", () => {
  assertEquals(assertThrows(() => parseBinlogEvent(hex("fe 0000 0200")), ProtocolError).code, "malformed");
  assertEquals(assertThrows(() => parseBinlogEvent(hex("00 00000000 04")), ProtocolError).code, "truncated");
});

Deno.test("encodeBinlogEvent() and parseBinlogEvent() round trip with and without semi-synchronous bytes", () => {
  const events = fc.record({
    timestamp: fc.nat(0xffffffff),
    type: fc.nat(255),
    serverId: fc.nat(0xffffffff),
    nextPosition: fc.nat(0xffffffff),
    flags: fc.nat(0xffff),
    body: fc.uint8Array(),
  });
  fc.assert(fc.property(events, fc.option(fc.boolean(), { nil: undefined }), (event, wantsAck) => {
    const sent = wantsAck === undefined ? event : { ...event, wantsAck };
    const size = 19 + event.body.length;
    assertEquals(parseBinlogEvent(encodeBinlogEvent(sent), wantsAck !== undefined), { ...sent, size });
  }));
});

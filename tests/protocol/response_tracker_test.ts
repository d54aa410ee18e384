import { assertEquals } from "@std/assert";
import { Command, type CommandName } from "../../lib/protocol/command.ts";
import { encodePacket } from "../../lib/protocol/packet.ts";
import { PacketWalker } from "../../lib/protocol/packet_walker.ts";
import { type ResponseFormat, responseGrammar, ResponseTracker } from "../../lib/protocol/response_tracker.ts";

const CLASSIC: ResponseFormat = { deprecateEof: false, optionalMetadata: false };
const MODERN: ResponseFormat = { deprecateEof: true, optionalMetadata: false };
const CLASSIC_OPTIONAL: ResponseFormat = { deprecateEof: false, optionalMetadata: true };
const MODERN_OPTIONAL: ResponseFormat = { deprecateEof: true, optionalMetadata: true };

/** A column definition as MySQL 9.7 sends it for `SELECT 1`. */
const COLUMN = "03646566000000013100" + "0c3f000200000008810000" + "0000";

function bytes(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

interface Case {
  readonly name: string;
  readonly command: CommandName;
  readonly format: ResponseFormat;
  /** Payloads of the response, all of it. */
  readonly payloads: readonly string[];
  readonly status?: number;
  readonly errors?: number;
}

// Payloads captured from MySQL 9.7.4 and MariaDB 10.11.19 unless a name says otherwise.
const CASES: readonly Case[] = [
  { name: "OK", command: "COM_QUERY", format: CLASSIC, payloads: ["00000002000000"], status: 2 },
  {
    name: "an OK with long counts",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["00fc2c01fd0102030300000068656c6c6f"],
    status: 3,
  },
  {
    name: "ERR",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["ff7a04233432533032" + "5461626c65"],
    errors: 1,
  },
  {
    name: "a result set",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["02", COLUMN, COLUMN, "fe00000200", "01310132", "fe00002200"],
    status: 0x22,
  },
  {
    name: "a result set without EOF packets",
    command: "COM_QUERY",
    format: MODERN,
    payloads: ["02", COLUMN, COLUMN, "01310132", "fe000002000000"],
    status: 2,
  },
  {
    name: "a result set with an ERR instead of rows (MySQL bug 29732)",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["01", COLUMN, "fe00000200", "0131", "ff2505233730313030"],
    errors: 1,
  },
  {
    name: "MySQL's flag that definitions follow",
    command: "COM_QUERY",
    format: CLASSIC_OPTIONAL,
    payloads: ["0201", COLUMN, COLUMN, "fe00000200", "01310132", "fe00000200"],
    status: 2,
  },
  {
    name: "MySQL's flag that none follow",
    command: "COM_QUERY",
    format: CLASSIC_OPTIONAL,
    payloads: ["0200", "fe00000200", "01310132", "fe00000200"],
    status: 2,
  },
  {
    name: "MySQL's and MariaDB's flag that none follow, without EOF packets",
    command: "COM_STMT_EXECUTE",
    format: MODERN_OPTIONAL,
    payloads: ["0200", "00000100000002000000", "fe000002000000"],
    status: 2,
  },
  {
    name: "a statement with parameters and columns",
    command: "COM_STMT_PREPARE",
    format: CLASSIC,
    payloads: ["000200000002000100000000", COLUMN, "fe00000200", COLUMN, COLUMN, "fe00000200"],
  },
  {
    name: "a statement with parameters and columns, without EOF packets",
    command: "COM_STMT_PREPARE",
    format: MODERN,
    payloads: ["000200000002000100000000", COLUMN, COLUMN, COLUMN],
  },
  {
    name: "a statement with neither",
    command: "COM_STMT_PREPARE",
    format: CLASSIC,
    payloads: ["000100000000000000000000"],
  },
  {
    name: "a statement whose definitions are left out",
    command: "COM_STMT_PREPARE",
    format: CLASSIC_OPTIONAL,
    payloads: ["00010000000200010000000000", "fe00000200", "fe00000200"],
  },
  {
    name: "a statement whose definitions are left out, without EOF packets",
    command: "COM_STMT_PREPARE",
    format: MODERN_OPTIONAL,
    payloads: ["00010000000200010000000000"],
  },
  {
    name: "an opened cursor",
    command: "COM_STMT_EXECUTE",
    format: CLASSIC,
    payloads: ["01", COLUMN, "fe00006200"],
    status: 0x62,
  },
  {
    name: "an opened cursor, without EOF packets",
    command: "COM_STMT_EXECUTE",
    format: MODERN,
    payloads: ["01", COLUMN, "fe000062000000"],
    status: 0x62,
  },
  {
    name: "a statement run without a cursor after it had one, which MySQL 9.7 answers with an OK",
    command: "COM_STMT_EXECUTE",
    format: CLASSIC,
    payloads: ["01", COLUMN, "00000002000000"],
    status: 2,
  },
  {
    name: "rows of a cursor",
    command: "COM_STMT_FETCH",
    format: CLASSIC,
    payloads: ["00000100000000000000", "fe00004200"],
    status: 0x42,
  },
  {
    name: "a call with a result set and out parameters from MySQL, whose last EOF has lost its flag",
    command: "COM_STMT_EXECUTE",
    format: CLASSIC,
    payloads: [
      "01",
      COLUMN,
      "fe00002a00",
      "00000100000000000000",
      "00000200000000000000",
      "fe00002a00",
      "01",
      COLUMN,
      "fe00002a10",
      "000007000000",
      "fe00002200",
      "00000022000000",
    ],
    status: 0x22,
  },
  {
    name: "a call with a result set and out parameters, without EOF packets",
    command: "COM_STMT_EXECUTE",
    format: MODERN,
    payloads: [
      "01",
      COLUMN,
      "00000100000000000000",
      "fe00002a000000",
      "01",
      COLUMN,
      "000007000000",
      "fe00002a100000",
      "00000022000000",
    ],
    status: 0x22,
  },
  {
    name: "several results",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["0000000a000000", "01", COLUMN, "fe00000a00", "0131", "fe00000a00", "00000002000000"],
    status: 2,
  },
  {
    name: "an ERR in the middle of several results",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["0000000a000000", "ff7a04233432533032"],
    status: 2,
    errors: 1,
  },
  {
    name: "MariaDB's progress reports before the end (by its documentation)",
    command: "COM_QUERY",
    format: CLASSIC,
    payloads: ["ffffff0101021027000005636f707921", "ffffff0102021027000005636f707921", "00000002000000"],
    status: 2,
  },
  { name: "statistics", command: "COM_STATISTICS", format: CLASSIC, payloads: ["557074696d653a203832"], status: 0 },
  { name: "an EOF alone", command: "COM_SET_OPTION", format: CLASSIC, payloads: ["fe01000200"], status: 2 },
  { name: "an EOF as OK", command: "COM_SET_OPTION", format: MODERN, payloads: ["fe000002000100"], status: 2 },
  { name: "a column list", command: "COM_FIELD_LIST", format: CLASSIC, payloads: [COLUMN, COLUMN, "fe00000200"] },
  { name: "a new default database", command: "COM_INIT_DB", format: CLASSIC, payloads: ["00000002000000"] },
  {
    name: "a change of user with a switch of plugin",
    command: "COM_CHANGE_USER",
    format: CLASSIC,
    payloads: ["fe6d7973716c5f6e6174697665", "0103", "00000002000000"],
    status: 2,
  },
  {
    name: "a binlog that ends",
    command: "COM_BINLOG_DUMP",
    format: CLASSIC,
    payloads: ["00000000000401", "00ffffffff", "fe00000200"],
  },
  { name: "a binlog that fails", command: "COM_BINLOG_DUMP_GTID", format: CLASSIC, payloads: ["ffd404"], errors: 1 },
  { name: "a single packet", command: "COM_RESET_CONNECTION", format: CLASSIC, payloads: ["00000002000000"] },
];

function stream(payloads: readonly string[]): Uint8Array {
  const packets = payloads.map((payload, index) => encodePacket(bytes(payload), index + 1));
  return packets.reduce((all, packet) => Uint8Array.of(...all, ...packet), new Uint8Array(0));
}

for (const { name, command, format, payloads, status, errors } of CASES) {
  Deno.test(`ResponseTracker finds the end of ${name} (${command})`, () => {
    const all = stream(payloads);
    for (const size of [1, 3, 7, all.length]) {
      const tracker = new ResponseTracker(format);
      const walker = new PacketWalker(tracker);
      tracker.expect(Command[command]);
      for (let at = 0; at < all.length; at += size) {
        assertEquals(tracker.idle, false, `idle before the end, in steps of ${size}`);
        walker.walk(all.subarray(at, at + size));
      }
      assertEquals([tracker.idle, tracker.completed, tracker.errors], [true, 1, errors ?? 0]);
      assertEquals(tracker.unsolicited, 0);
      if (status !== undefined) assertEquals(tracker.serverStatus, status);
    }
  });
}

Deno.test("ResponseTracker does not take a row that begins with a huge value for an EOF", () => {
  const tracker = new ResponseTracker(CLASSIC);
  const walker = new PacketWalker(tracker);
  tracker.expect(Command.COM_QUERY);
  walker.walk(stream(["01", COLUMN, "fe00000200"]));
  const row = new Uint8Array(9 + 0xffffff + 1);
  row.set([0xfe, 0, 0, 0, 1, 0, 0, 0, 0]);
  walker.walk(encodePacket(row, 4));
  assertEquals(tracker.idle, false);
  walker.walk(stream(["fe00000200"]));
  assertEquals(tracker.idle, true);
});

Deno.test("ResponseTracker keeps pipelined commands in order and skips those without an answer", () => {
  const tracker = new ResponseTracker(MODERN);
  const walker = new PacketWalker(tracker);
  tracker.expect(Command.COM_STMT_PREPARE);
  tracker.expect(Command.COM_STMT_SEND_LONG_DATA);
  tracker.expect(Command.COM_STMT_EXECUTE);
  tracker.expect(Command.COM_STMT_CLOSE);
  tracker.expect(Command.COM_PING);
  assertEquals(tracker.pending, 3);
  walker.walk(stream(["000200000000000000000000"]));
  assertEquals([tracker.pending, tracker.command], [2, Command.COM_STMT_EXECUTE]);
  walker.walk(stream(["01", COLUMN, "000007000000", "fe000002000000", "00000002000000"]));
  assertEquals([tracker.pending, tracker.completed], [0, 3]);
});

Deno.test("ResponseTracker waits for a local file and takes the verdict after it", () => {
  for (const [verdict, errors] of [["00000002000000", 0], ["ff8b04233233303030", 1]] as const) {
    const tracker = new ResponseTracker(CLASSIC);
    const walker = new PacketWalker(tracker);
    tracker.expect(Command.COM_QUERY);
    walker.walk(stream(["fb2f746d702f78"]));
    assertEquals([tracker.wantsLocalInfile, tracker.idle], [true, false]);
    tracker.localInfileSent();
    assertEquals(tracker.wantsLocalInfile, false);
    walker.walk(stream([verdict]));
    assertEquals([tracker.idle, tracker.errors], [true, errors]);
  }
});

Deno.test("ResponseTracker counts packets that nobody asked for and stays idle", () => {
  const tracker = new ResponseTracker(CLASSIC);
  new PacketWalker(tracker).walk(stream(["ffbf0f233038533031"]));
  assertEquals([tracker.unsolicited, tracker.idle, tracker.completed], [1, true, 0]);
});

Deno.test("ResponseTracker stops following a connection that was handed over", () => {
  const tracker = new ResponseTracker(CLASSIC);
  const walker = new PacketWalker(tracker);
  tracker.expect(Command.COM_CLONE);
  walker.walk(stream(["00000002000000", "ff00", "6301"]));
  assertEquals([tracker.foreign, tracker.inExchange, tracker.idle], [true, true, false]);
});

Deno.test("ResponseTracker knows an open transaction", () => {
  const tracker = new ResponseTracker(CLASSIC);
  const walker = new PacketWalker(tracker);
  tracker.expect(Command.COM_QUERY);
  walker.walk(stream(["00000003000000"]));
  assertEquals(tracker.inTransaction, true);
  tracker.expect(Command.COM_QUERY);
  walker.walk(stream(["00000002000000"]));
  assertEquals(tracker.inTransaction, false);
});

Deno.test("responseGrammar() has one packet for commands that it does not know", () => {
  assertEquals(responseGrammar(0x77), "single");
});

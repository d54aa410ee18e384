import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  encodeEof,
  encodeErr,
  encodeError,
  encodeOk,
  encodeProgress,
  END_HEADER,
  type ErrPacket,
  isEof,
  isErr,
  isOk,
  isProgress,
  isResultSetEnd,
  OK_HEADER,
  parseEof,
  parseErr,
  parseOk,
  parseProgress,
  ProtocolError,
  ServerStatus,
  type SessionStateChange,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

const PLAIN = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_TRANSACTIONS;
const TRACK = PLAIN | Capability.CLIENT_SESSION_TRACK;
const nothing = { affectedRows: 0, lastInsertId: 0, status: 2, warnings: 0, info: "", sessionState: [] };

Deno.test("parseOk() reads an UPDATE's answer", () => {
  // MySQL 9.7.4: update item set name='pear!' where id=2. The client agreed on session tracking.
  const payload = hex(
    "00 01 00 0200 0000 28 526f7773206d6174636865643a203120204368616e6765643a203120205761726e696e67733a2030",
  );
  const ok = parseOk(payload, TRACK);
  assertEquals(ok, { ...nothing, affectedRows: 1, info: "Rows matched: 1  Changed: 1  Warnings: 0" });
  assertEquals(encodeOk(ok, TRACK), payload);
});

Deno.test("parseOk() reads every kind of session state that servers sent", () => {
  const changed = 2 | ServerStatus.SERVER_SESSION_STATE_CHANGED;
  const cases: [string, number, SessionStateChange[]][] = [
    // MySQL 9.7.4 and MariaDB 10.11.19: login with a database.
    ["00 00 00 0240 0000 00 07 01 05 0473686f70", changed, [{ kind: "schema", name: "shop" }]],
    // MySQL 9.7.4: set session_track_transaction_info='CHARACTERISTICS' (among others).
    ["00 00 00 0240 0000 00 03 04 01 00", changed, [
      { kind: "transaction-characteristics", statements: "" },
    ]],
    // MySQL 9.7.4: set names utf8mb4 (its order of the variables).
    [
      `00 00 00 0240 0000 00 62
       00 1d 14 6368617261637465725f7365745f636c69656e74 07 757466386d6234
       00 21 18 6368617261637465725f7365745f636f6e6e656374696f6e 07 757466386d6234
       00 1e 15 6368617261637465725f7365745f726573756c7473 07 757466386d6234`,
      changed,
      [
        { kind: "system-variable", name: "character_set_client", value: "utf8mb4" },
        { kind: "system-variable", name: "character_set_connection", value: "utf8mb4" },
        { kind: "system-variable", name: "character_set_results", value: "utf8mb4" },
      ],
    ],
    // MySQL 9.7.4: start transaction, then rollback, with session_track_transaction_info=CHARACTERISTICS.
    [
      "00 00 00 0340 0000 00 20 05 09 08 545f5f5f5f5f5f5f 04 13 12 5354415254205452414e53414354494f4e3b",
      changed | ServerStatus.SERVER_STATUS_IN_TRANS,
      [
        { kind: "transaction-state", state: "T_______" },
        { kind: "transaction-characteristics", statements: "START TRANSACTION;" },
      ],
    ],
    ["00 00 00 0240 0000 00 0e 05 09 08 5f5f5f5f5f5f5f5f 04 01 00", changed, [
      { kind: "transaction-state", state: "________" },
      { kind: "transaction-characteristics", statements: "" },
    ]],
  ];
  for (const [literal, status, sessionState] of cases) {
    const payload = hex(literal);
    assertEquals(parseOk(payload, TRACK), { ...nothing, status, sessionState });
    assertEquals(encodeOk({ status, sessionState }, TRACK), payload);
  }
});

Deno.test("parseOk() reads an OK packet that ends a result set", () => {
  const payload = hex("fe 00 00 2200 0000");
  assertEquals(parseOk(payload, TRACK), { ...nothing, status: 0x22 });
  assertEquals(encodeOk({ status: 0x22 }, TRACK, END_HEADER), payload);
});

Deno.test("parseOk() reads the length of info also without session tracking", () => {
  // MySQL 9.7.4 and MariaDB 10.11.19 alike: insert into t values (1), (2).
  const info = "Records: 2  Duplicates: 0  Warnings: 0";
  const payload = Uint8Array.of(...hex("00 02 00 0200 0000 26"), ...new TextEncoder().encode(info));
  assertEquals(parseOk(payload, PLAIN), { ...nothing, affectedRows: 2, info });
  assertEquals(encodeOk({ affectedRows: 2, status: 2, info }, PLAIN), payload);
});

Deno.test("parseOk() has no status before 4.1", () => {
  assertEquals(parseOk(hex("00 05 00"), 0n), { ...nothing, affectedRows: 5, status: 0 });
});

Deno.test("parseOk() refuses other packets", () => {
  assertEquals(assertThrows(() => parseOk(hex("ff1004"), PLAIN), ProtocolError).code, "malformed");
  assertEquals(assertThrows(() => parseOk(hex("00 00"), PLAIN), ProtocolError).code, "truncated");
  const overrun = hex("00 00 00 0240 0000 00 07 01 09 0473686f70");
  assertEquals(assertThrows(() => parseOk(overrun, TRACK), ProtocolError).code, "truncated");
});

const changes: fc.Arbitrary<SessionStateChange> = fc.oneof(
  fc.record({ kind: fc.constant("system-variable" as const), name: fc.string(), value: fc.string() }),
  fc.record({ kind: fc.constant("schema" as const), name: fc.string() }),
  fc.record({ kind: fc.constant("state-change" as const), changed: fc.boolean() }),
  fc.record({ kind: fc.constant("gtids" as const), encoding: fc.nat(255), gtids: fc.string() }),
  fc.record({ kind: fc.constant("transaction-characteristics" as const), statements: fc.string() }),
  fc.record({ kind: fc.constant("transaction-state" as const), state: fc.string() }),
  fc.record({
    kind: fc.constant("unknown" as const),
    tracker: fc.integer({ min: 6, max: 255 }),
    data: fc.uint8Array(),
  }),
);

Deno.test("encodeOk() and parseOk() round trip", () => {
  const oks = fc.record({
    affectedRows: fc.nat(),
    lastInsertId: fc.oneof(fc.nat(), fc.bigInt(1n << 53n, (1n << 64n) - 1n)),
    status: fc.nat(0xffff),
    warnings: fc.nat(0xffff),
    info: fc.string(),
    sessionState: fc.array(changes, { maxLength: 4 }),
  });
  fc.assert(fc.property(oks, fc.constantFrom(OK_HEADER, END_HEADER), (ok, header) => {
    const flag = ServerStatus.SERVER_SESSION_STATE_CHANGED;
    const status = ok.status & ~flag | (ok.sessionState.length > 0 ? flag : 0);
    assertEquals(parseOk(encodeOk(ok, TRACK, header), TRACK), { ...ok, status });
    assertEquals(parseOk(encodeOk(ok, PLAIN, header), PLAIN), { ...ok, status: ok.status & ~flag, sessionState: [] });
  }));
});

Deno.test("parseErr() reads ERR packets with and without SQL state", () => {
  const cases: [string, ErrPacket][] = [
    // MySQL 9.7.4: select * from nope.
    ["ff 7a04 23 3432533032 5461626c65202773686f702e6e6f70652720646f65736e2774206578697374", {
      errorNumber: 1146,
      sqlState: "42S02",
      message: "Table 'shop.nope' doesn't exist",
    }],
    // MySQL 9.7.4 and MariaDB 10.11.19: a connection over max_connections, before the handshake.
    ["ff 1004 546f6f206d616e7920636f6e6e656374696f6e73", { errorNumber: 1040, message: "Too many connections" }],
    // Both: the command 0x99.
    ["ff 1704 23 3038533031 556e6b6e6f776e20636f6d6d616e64", {
      errorNumber: 1047,
      sqlState: "08S01",
      message: "Unknown command",
    }],
  ];
  for (const [literal, err] of cases) {
    assertEquals(parseErr(hex(literal)), err);
    assertEquals(encodeErr(err), hex(literal));
  }
});

Deno.test("encodeError() adds the SQL state of the number", () => {
  assertEquals(parseErr(encodeError(1045, "Access denied")).sqlState, "28000");
  assertEquals(parseErr(encodeError(1105, "é")), { errorNumber: 1105, sqlState: "HY000", message: "é" });
});

Deno.test("encodeErr() refuses a SQL state of another length", () => {
  const err = { errorNumber: 1, sqlState: "4200", message: "" };
  assertEquals(assertThrows(() => encodeErr(err), ProtocolError).code, "out-of-range");
});

Deno.test("parseErr() refuses other packets", () => {
  assertEquals(assertThrows(() => parseErr(hex("00")), ProtocolError).code, "malformed");
  assertEquals(assertThrows(() => parseErr(hex("ff10")), ProtocolError).code, "truncated");
});

Deno.test("parseProgress() reads MariaDB's reports", () => {
  // MariaDB 10.11.19: alter table big add b int, algorithm=copy; with progress_report_time=1.
  const payload = hex("ffffff 01 01 02 6c6501 11 636f707920746f20746d70207461626c65");
  assertEquals(parseProgress(payload), { stage: 1, maxStage: 2, progress: 91500, info: "copy to tmp table" });
  assertEquals(encodeProgress(parseProgress(payload)), payload);
  assert(isProgress(payload));
  assert(!isErr(payload));
  assert(isErr(hex("ff1004")));
});

Deno.test("parseEof() reads EOF packets of all ages", () => {
  assertEquals(parseEof(hex("fe 0000 2200")), { warnings: 0, status: 0x22 });
  assertEquals(encodeEof({ status: 0x22 }, PLAIN), hex("fe 0000 2200"));
  assertEquals(parseEof(hex("fe")), { warnings: 0, status: 0 });
  assertEquals(encodeEof({}, 0n), hex("fe"));
  assertEquals(assertThrows(() => parseEof(hex("00")), ProtocolError).code, "malformed");
});

Deno.test("isEof(), isOk() and isResultSetEnd() tell ends from rows", () => {
  const row = new Uint8Array(9);
  row[0] = 0xfe;
  assert(!isEof(row));
  assert(!isResultSetEnd(row, PLAIN));
  assert(isResultSetEnd(row, PLAIN | Capability.CLIENT_DEPRECATE_EOF));
  assert(isEof(row.subarray(0, 8)));
  assert(isOk(hex("00000002000000")));
  // A value of 16 MB makes a row that begins with 0xfe and is at least 0xffffff long.
  const bigRow = new Uint8Array(0xffffff);
  bigRow[0] = 0xfe;
  assert(!isResultSetEnd(bigRow, PLAIN | Capability.CLIENT_DEPRECATE_EOF));
});

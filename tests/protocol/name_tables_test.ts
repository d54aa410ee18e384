import { assertEquals } from "@std/assert";
import {
  Capability,
  capabilityNames,
  ColumnType,
  columnTypeName,
  Command,
  commandName,
  ErrorNumber,
  ServerStatus,
  sqlStateOf,
  statusNames,
} from "../../lib/protocol/mod.ts";

Deno.test("Capability has one flag for each of the bits 0 to 37", () => {
  assertEquals(Object.values(Capability), Array.from({ length: 38 }, (_, bit) => 1n << BigInt(bit)));
});

Deno.test("capabilityNames() names set bits and numbers unknown ones", () => {
  assertEquals(capabilityNames(0n), []);
  assertEquals(capabilityNames(Capability.CLIENT_SSL | Capability.MARIADB_CLIENT_PROGRESS | 1n << 40n), [
    "CLIENT_SSL",
    "MARIADB_CLIENT_PROGRESS",
    "bit 40",
  ]);
});

Deno.test("statusNames() names set bits", () => {
  assertEquals(statusNames(0x4006), ["SERVER_STATUS_AUTOCOMMIT", "0x0004", "SERVER_SESSION_STATE_CHANGED"]);
});

Deno.test("the name tables have no number twice", () => {
  for (const table of [Command, ColumnType, ErrorNumber, ServerStatus]) {
    const numbers: number[] = Object.values(table);
    assertEquals(new Set(numbers).size, numbers.length);
  }
});

Deno.test("commandName() and columnTypeName() also describe unknown bytes", () => {
  assertEquals(commandName(0x1f), "COM_RESET_CONNECTION");
  assertEquals(commandName(0x99), "COM_0x99");
  assertEquals(columnTypeName(0xf6), "MYSQL_TYPE_NEWDECIMAL");
  assertEquals(columnTypeName(0x77), "MYSQL_TYPE_0x77");
});

Deno.test("sqlStateOf() falls back to the general error", () => {
  assertEquals(sqlStateOf(1045), "28000");
  assertEquals(sqlStateOf(1146), "42S02");
  assertEquals(sqlStateOf(4031), "HY000");
});

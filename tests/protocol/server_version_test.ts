import { assertEquals } from "@std/assert";
import { parseServerVersion, versionNumber } from "../../lib/protocol/mod.ts";

Deno.test("parseServerVersion() reads versions of any size", () => {
  const cases: [string, string, number, number, number][] = [
    ["9.7.4-2", "mysql", 9, 7, 4],
    ["5.5.5-10.11.19-MariaDB-0+deb12u1-log", "mariadb", 10, 11, 19],
    ["12.10.100-MariaDB", "mariadb", 12, 10, 100],
    ["5.5.5-m3", "mysql", 5, 5, 5],
    ["8.4", "mysql", 8, 4, 0],
  ];
  for (const [text, product, major, minor, patch] of cases) {
    assertEquals({ ...parseServerVersion(text) }, { product, major, minor, patch });
  }
  assertEquals(parseServerVersion("unknown"), undefined);
});

Deno.test("versionNumber() keeps versions in order", () => {
  assertEquals(versionNumber({ product: "mysql", major: 8, minor: 0, patch: 36 }), 80036);
  assertEquals(versionNumber({ product: "mariadb", major: 12, minor: 10, patch: 100 }), 121099);
});

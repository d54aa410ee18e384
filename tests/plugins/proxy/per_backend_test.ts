import { assertEquals, assertThrows } from "@std/assert";
import { PerBackend } from "../../../plugins/proxy/per_backend.ts";

const ONE = { text: "db1.example:3306", name: "192.0.2.1:3306" };
const TWO = { text: "[::1]", name: "[::1]:3306" };
const SOCKET = { text: "/run/mysql.sock", name: "/run/mysql.sock" };
const BACKENDS = [ONE, TWO, SOCKET];

Deno.test("PerBackend gives each backend its own value, and the others the one for all", () => {
  const values = ["all", "db1.example:3306=one", "[::1]=two", "/run/mysql.sock=three"];
  const option = new PerBackend("option", values, BACKENDS);
  assertEquals(BACKENDS.map((backend) => option.last(backend)), ["one", "two", "three"]);
  const some = new PerBackend("option", ["[::1]=two", "all"], BACKENDS);
  assertEquals(BACKENDS.map((backend) => some.last(backend)), ["all", "two", "all"]);
  assertEquals(new PerBackend("option", [], BACKENDS).last(ONE), undefined);
});

Deno.test("PerBackend knows a backend as it was given and as it was resolved", () => {
  for (const address of [ONE.text, ONE.name]) {
    assertEquals(new PerBackend("option", [`${address}=value`], BACKENDS).last(ONE), "value");
  }
});

Deno.test("PerBackend keeps several values in their order, and what follows the first = as it is", () => {
  const option = new PerBackend("option", ["[::1]=/a=b", "zlib", "[::1]=second", "zstd"], BACKENDS);
  assertEquals(option.all(TWO), ["/a=b", "second"]);
  assertEquals(option.all(ONE), ["zlib", "zstd"]);
  assertEquals(option.last(ONE), "zstd");
});

Deno.test("PerBackend refuses an address that is no backend's, and tells those that are", () => {
  assertThrows(
    () => new PerBackend("backend-ssl-ca", ["db3.example=file"], BACKENDS),
    Error,
    `"--backend-ssl-ca" has a value for "db3.example", but the backends are "db1.example:3306", "[::1]"`,
  );
});

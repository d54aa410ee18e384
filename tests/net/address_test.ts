import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { formatAddress, parseAddress, resolveAddress } from "../../lib/net/address.ts";
import { NetError } from "../../lib/net/net_error.ts";

const GOOD: readonly [string, string][] = [
  ["127.0.0.1:4040", "127.0.0.1:4040"],
  ["127.0.0.1", "127.0.0.1:3306"],
  [":4040", "0.0.0.0:4040"],
  [":0", "0.0.0.0:0"],
  ["0.0.0.0", "0.0.0.0:3306"],
  ["db-1.example:65535", "db-1.example:65535"],
  ["[::1]", "[::1]:3306"],
  ["[::1]:4040", "[::1]:4040"],
  ["[fe80::1%eth0]:4040", "[fe80::1%eth0]:4040"],
  ["/tmp/mysql.sock", "/tmp/mysql.sock"],
];

for (const [text, name] of GOOD) {
  Deno.test(`parseAddress() reads ${text}`, () => assertEquals(formatAddress(parseAddress(text)), name));
}

const BAD: readonly [string, string][] = [
  ["", "it is empty"],
  ["host:", "the port is not a number"],
  [":65536", "the port is larger than 65535"],
  [":-1", "the port is not a number"],
  ["host:33x", "the port is not a number"],
  ["::1", "an IPv6 address goes in brackets"],
  ["[nonsense]:1", "there is no IPv6 address in the brackets"],
  ["my host:1", "the host name has a character that none can have"],
  ["[::1]x", "the port is not a number"],
  [`/${"x".repeat(200)}`, "the path has 201 bytes"],
];

for (const [text, why] of BAD) {
  Deno.test(`parseAddress() refuses "${text.slice(0, 20)}": ${why}`, () => {
    assertThrows(() => parseAddress(text), NetError, why);
  });
}

Deno.test("resolveAddress() makes names numeric and leaves the rest alone", async () => {
  assertEquals(await resolveAddress(parseAddress("127.0.0.1:1")), parseAddress("127.0.0.1:1"));
  assertEquals(await resolveAddress(parseAddress("/x")), parseAddress("/x"));
  const resolved = await resolveAddress(parseAddress("localhost:1"));
  assertEquals(["127.0.0.1:1", "[::1]:1"].includes(formatAddress(resolved)), true);
  await assertRejects(() => resolveAddress(parseAddress("no-such-host.invalid")), NetError, "Cannot resolve");
});

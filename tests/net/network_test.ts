import { assertEquals, assertThrows } from "@std/assert";
import { NetError } from "../../lib/net/net_error.ts";
import { Networks, parseNetwork } from "../../lib/net/network.ts";

function tcp(hostname: string): Deno.Addr {
  return { transport: "tcp", hostname, port: 50000 };
}

const socket: Deno.Addr = { transport: "unix", path: "/run/mysql.sock" };

const GOOD: readonly [string, ReturnType<typeof parseNetwork>][] = [
  ["*", { kind: "any" }],
  ["unix", { kind: "unix" }],
  ["localhost", { kind: "localhost" }],
  [" 10.0.0.0/8 ", { kind: "subnet", family: "ipv4", address: "10.0.0.0", bits: 8 }],
  ["192.168.1.7", { kind: "subnet", family: "ipv4", address: "192.168.1.7", bits: 32 }],
  ["0.0.0.0/0", { kind: "subnet", family: "ipv4", address: "0.0.0.0", bits: 0 }],
  ["fd00::/8", { kind: "subnet", family: "ipv6", address: "fd00::", bits: 8 }],
  ["::1", { kind: "subnet", family: "ipv6", address: "::1", bits: 128 }],
  ["::ffff:10.0.0.0/104", { kind: "subnet", family: "ipv4", address: "10.0.0.0", bits: 8 }],
  ["::FFFF:a00:1", { kind: "subnet", family: "ipv4", address: "10.0.0.1", bits: 32 }],
];

for (const [text, network] of GOOD) {
  Deno.test(`parseNetwork() reads "${text}"`, () => assertEquals(parseNetwork(text), network));
}

const BAD: readonly [string, string][] = [
  ["", "it is empty"],
  [" ", "it is empty"],
  ["10.0.0", `"10.0.0" is no numeric IP address`],
  ["10.0.0.256", "is no numeric IP address"],
  ["db.example", "is no numeric IP address"],
  ["/8", "is no numeric IP address"],
  ["10.0.0.0/", "what follows the slash is no number"],
  ["10.0.0.0/x", "what follows the slash is no number"],
  ["10.0.0.0/-1", "what follows the slash is no number"],
  ["10.0.0.0/255.0.0.0", "what follows the slash is no number"],
  ["10.0.0.0/33", "an address of this kind has 32 bits"],
  ["fd00::/129", "an address of this kind has 128 bits"],
  ["10.0.0.0/8/8", "there is more than one slash"],
  ["[::1]", "without brackets"],
  ["[::1]:3306", "without brackets"],
  ["fe80::1%eth0", "without its zone"],
  ["10.0.0.0/8,10.1.0.0/16", "it has a comma"],
];

for (const [text, why] of BAD) {
  Deno.test(`parseNetwork() refuses "${text}": ${why}`, () => {
    const error = assertThrows(() => parseNetwork(text), NetError, why);
    assertEquals(error.code, "bad-address");
  });
}

/** Networks, peers that are in them, peers that are not. */
const CASES: readonly [readonly string[], readonly Deno.Addr[], readonly Deno.Addr[]][] = [
  [[], [], [tcp("127.0.0.1"), tcp("::1"), socket]],
  [["*"], [tcp("8.8.8.8"), tcp("2001:db8::1"), socket], []],
  [["unix"], [socket], [tcp("127.0.0.1"), tcp("::1")]],
  [
    ["localhost"],
    [tcp("127.0.0.1"), tcp("127.255.0.9"), tcp("::1"), tcp("::ffff:127.0.0.1"), socket],
    [tcp("128.0.0.1"), tcp("::2"), tcp("::ffff:128.0.0.1"), tcp("0.0.0.0")],
  ],
  [
    ["10.0.0.0/8"],
    [tcp("10.0.0.0"), tcp("10.255.255.255"), tcp("::ffff:10.1.2.3"), tcp("::ffff:a01:203")],
    [tcp("9.255.255.255"), tcp("11.0.0.0"), tcp("::ffff:11.0.0.0"), tcp("::10.1.2.3"), tcp("::1"), socket],
  ],
  [["10.1.2.3/8"], [tcp("10.9.9.9")], [tcp("11.0.0.0")]],
  [["192.168.1.7"], [tcp("192.168.1.7")], [tcp("192.168.1.6"), tcp("192.168.1.8")]],
  [["192.168.1.4/31"], [tcp("192.168.1.4"), tcp("192.168.1.5")], [tcp("192.168.1.3"), tcp("192.168.1.6")]],
  [["0.0.0.0/0"], [tcp("8.8.8.8"), tcp("::ffff:8.8.8.8")], [tcp("2001:db8::1"), socket]],
  [["::/0"], [tcp("2001:db8::1"), tcp("::1")], [tcp("8.8.8.8"), socket]],
  [
    ["fd00::/8"],
    [tcp("fd00::1"), tcp("fdff:ffff::"), tcp("FD12:0:0:0:0:0:0:1")],
    [tcp("fc00::1"), tcp("fe00::"), tcp("10.0.0.1")],
  ],
  [["fe80::/10"], [tcp("fe80::1%eth0"), tcp("febf::1")], [tcp("fec0::1%eth0")]],
  [["2001:db8::/33"], [tcp("2001:db8:7fff::")], [tcp("2001:db8:8000::")]],
  [["::ffff:10.0.0.0/104"], [tcp("10.0.0.1"), tcp("::ffff:10.0.0.1")], [tcp("11.0.0.1")]],
  [
    ["10.0.0.0/8", "fd00::/8", "unix"],
    [tcp("10.0.0.1"), tcp("fd00::1"), socket],
    [tcp("11.0.0.1"), tcp("fe80::1")],
  ],
  [["10.0.0.0/8", "10.1.0.0/16"], [tcp("10.1.0.1"), tcp("10.2.0.1")], [tcp("11.0.0.1")]],
];

for (const [texts, inside, outside] of CASES) {
  Deno.test(`Networks of "${texts.join(", ")}" include what they should`, () => {
    const networks = new Networks(texts);
    for (const addr of inside) assertEquals([addr, networks.includes(addr)], [addr, true]);
    for (const addr of outside) assertEquals([addr, networks.includes(addr)], [addr, false]);
  });
}

Deno.test("Networks do not include what is no numeric address", () => {
  assertEquals(new Networks(["0.0.0.0/0", "::/0", "localhost"]).includes(tcp("localhost")), false);
});

Deno.test("Networks name the text that is wrong", () => {
  assertThrows(() => new Networks(["10.0.0.0/8", "ten"]), NetError, `"ten" is not a network`);
});

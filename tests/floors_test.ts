import { assertEquals } from "@std/assert";
import { circles, faults, importsIn } from "./floors.ts";

Deno.test("faults() finds an import that climbs a floor", () => {
  const imports = new Map([["lib/protocol/packet.ts", ["lib/core/session.ts"]], ["lib/core/session.ts", []]]);
  assertEquals(faults(imports), [
    "lib/protocol/packet.ts imports lib/core/session.ts: lib/protocol is not above lib/core",
  ]);
});

Deno.test("faults() finds plugins that import each other, and rooms that nobody planned", () => {
  const imports = new Map([["plugins/demo/mod.ts", ["plugins/proxy/mod.ts"]], ["lib/utils/x.ts", []]]);
  assertEquals(faults(imports), [
    "plugins/demo/mod.ts imports plugins/proxy/mod.ts: plugins do not import each other",
    'lib/utils/x.ts: there is no room "lib/utils" in the architecture',
  ]);
});

Deno.test("circles() finds a circle once", () => {
  const imports = new Map([["a", ["b"]], ["b", ["c"]], ["c", ["a"]], ["d", ["a"]]]);
  assertEquals(circles(imports), [["a", "b", "c", "a"]]);
});

Deno.test("importsIn() reads imports, types, exports and dynamic imports, and resolves them", () => {
  const source = `import { a } from "./a.ts";
import type {
  B,
} from "../core/b.ts";
export * from "./c.ts";
const d = await import("../../plugins/d/mod.ts");
import { assert } from "@std/assert";
// from "./not.ts"
`;
  assertEquals(importsIn("lib/net/x.ts", source), [
    "lib/net/a.ts",
    "lib/core/b.ts",
    "lib/net/c.ts",
    "plugins/d/mod.ts",
  ]);
});

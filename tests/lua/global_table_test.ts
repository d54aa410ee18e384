import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { installDialect } from "../../lib/lua/dialect/dialect.ts";
import { LuaEngine, LuaError } from "../../lib/lua/engine.ts";
import { type GlobalTable, type GlobalTransport, installGlobal } from "../../lib/lua/global_table.ts";
import { Broadcast } from "../../lib/shared/broadcast.ts";
import type { Order } from "./global_table_worker.ts";

const compiled = LuaEngine.compile();
const decoder = new TextDecoder();

/** Queues between states, one for each pair, that are delivered when a test says so. */
class Network {
  readonly #queues: Uint8Array[][][];
  readonly #due: Uint8Array[][];
  #time = 0;
  sent = 0;

  constructor(readonly threads: number) {
    this.#queues = Array.from({ length: threads }, () => Array.from({ length: threads }, () => []));
    this.#due = Array.from({ length: threads }, () => []);
  }

  /** Lets the oldest record of one to another arrive. @returns false if there is none. */
  deliver(from: number, to: number): boolean {
    const record = this.#queues[from]?.[to]?.shift();
    if (record !== undefined) this.#due[to]?.push(record);
    return record !== undefined;
  }

  get isEmpty(): boolean {
    return this.#queues.every((from) => from.every((queue) => queue.length === 0));
  }

  transport(index: number): GlobalTransport {
    const due = this.#due[index] ?? [];
    return {
      get pending() {
        return due.length > 0;
      },
      receive: (take) => {
        for (const record of due.splice(0)) take(record);
      },
      send: (record) => {
        this.sent++;
        this.#queues[index]?.forEach((queue, to) => to !== index && queue.push(record.slice()));
      },
      waiting: false,
      retry() {},
      gap: () => false,
      now: () => this.#time,
      tick: () => ++this.#time,
      seed: Uint8Array.from({ length: 16 }, (_, i) => i * 7),
    };
  }
}

/** Some threads, each with a Lua state. */
class Threads {
  readonly network: Network;
  readonly engines: readonly LuaEngine[];
  readonly tables: readonly GlobalTable[];
  readonly failures: string[] = [];

  private constructor(engines: readonly LuaEngine[]) {
    this.network = new Network(engines.length);
    this.engines = engines;
    const failed = (message: string) => this.failures.push(message);
    this.tables = engines.map((engine, index) => {
      return installGlobal(engine, {
        threads: engines.length,
        index,
        transport: this.network.transport(index),
        failed,
      });
    });
  }

  static async start(count: number): Promise<Threads> {
    const module = await compiled;
    const engines = await Promise.all(Array.from({ length: count }, () => LuaEngine.open(module)));
    for (const engine of engines) installDialect(engine);
    return new Threads(engines);
  }

  /** Runs a hook on a thread. @returns its first result, as text if it is a string. */
  run(thread: number, source: string): unknown {
    this.tables[thread]?.receive();
    try {
      const [result] = this.engines[thread]?.execute(source, "=hook") ?? [];
      return result instanceof Uint8Array ? decoder.decode(result) : result;
    } finally {
      this.tables[thread]?.flush();
    }
  }

  /** Delivers all, and what comes of it. */
  settle(): void {
    do {
      for (let from = 0; from < this.network.threads; from++) {
        for (let to = 0; to < this.network.threads; to++) while (this.network.deliver(from, to));
      }
      for (const table of this.tables) table.receive();
    } while (!this.network.isEmpty);
    assertEquals(this.failures, []);
  }

  /** A second passes, some times. */
  beat(times = 4): void {
    for (let i = 0; i < times; i++) {
      for (const table of this.tables) table.wake();
      this.settle();
    }
  }

  /** What `expression` is on every thread. */
  all(expression: string): unknown[] {
    this.settle();
    return this.engines.map((_, thread) => this.run(thread, `return ${expression}`));
  }
}

Deno.test("installGlobal() sets a plain table for one thread", async () => {
  const engine = await LuaEngine.open(await compiled);
  const table = installGlobal(engine, { threads: 1, index: 0 });
  table.receive();
  assertEquals(engine.execute("proxy.global.x = { 1 } return getmetatable(proxy.global), #proxy.global.x", "=t"), [
    undefined,
    1,
  ]);
  table.flush();
  table.wake();
  assertThrows(() => installGlobal(engine, { threads: 2, index: 0 }), TypeError, "need a transport");
});

Deno.test("installGlobal() carries every plain value unchanged", async () => {
  const threads = await Threads.start(2);
  threads.run(
    0,
    `local g = proxy.global
    g.yes, g.no, g.int, g.big, g.float, g.inf, g.zero = true, false, -7, 9007199254740993, 0.1, 1/0, -0.0
    g.nan, g.min = 0/0, math.mininteger
    g.text, g.bytes, g.long = "ä", "a\\0\\255\\128", ("x\\0"):rep(100000)
    g[1], g[2.5], g[true], g[false], g["\\0"], g[-3], g[4.0] = "one", "float", "yes", "no", "nul", "minus", "four"
  `,
  );
  threads.settle();
  const checks = [
    "g.yes == true",
    "g.no == false",
    "g.int == -7 and math.type(g.int) == 'integer'",
    "g.big == 9007199254740993 and g.big - 1 == 9007199254740992",
    "g.float == 0.1",
    "g.inf == 1/0",
    "1 / g.zero == -1/0",
    "g.nan ~= g.nan",
    "g.min == math.mininteger",
    "g.text == 'ä'",
    "g.bytes == 'a\\0\\255\\128' and #g.bytes == 4",
    "g.long == ('x\\0'):rep(100000)",
    "g[1] == 'one' and g[2.5] == 'float' and g[true] == 'yes' and g[false] == 'no'",
    "g['\\0'] == 'nul' and g[-3] == 'minus' and g[4] == 'four'",
    "g.nothing == nil",
  ];
  for (const check of checks) assertEquals(threads.run(1, `local g = proxy.global return ${check}`), true, check);
});

Deno.test("installGlobal() refuses the keys that no table takes", async () => {
  const threads = await Threads.start(2);
  assertThrows(() => threads.run(0, "proxy.global[0/0] = 1"), Error, "hook:1: table index is NaN");
  assertThrows(() => threads.run(0, "proxy.global[nil] = 1"), Error, "hook:1: table index is nil");
  assertEquals(threads.run(0, "return proxy.global[nil] == nil and proxy.global[0/0] == nil"), true);
  assertEquals(threads.network.sent, 0);
});

Deno.test("installGlobal() carries tables that are built step by step", async () => {
  const threads = await Threads.start(3);
  threads.run(0, "proxy.global.x = {} proxy.global.x.y = {}");
  threads.run(0, "proxy.global.x.y.z = 1");
  assertEquals(threads.all("proxy.global.x.y.z"), [1, 1, 1]);
  threads.run(1, "local t = proxy.global.x t.a = 'later' t.y.z = nil t.list = { 'a', 'b', { c = 'd' } }");
  assertEquals(threads.all("proxy.global.x.a .. tostring(proxy.global.x.y.z)"), new Array(3).fill("laternil"));
  threads.run(2, "table.insert(proxy.global.x.list, 'e') table.remove(proxy.global.x.list, 1)");
  assertEquals(
    threads.all("#proxy.global.x.list .. proxy.global.x.list[1] .. proxy.global.x.list[2].c .. proxy.global.x.list[3]"),
    new Array(3).fill("3bde"),
  );
  for (let i = 0; i < 9; i++) {
    threads.run(i % 3, "proxy.global.n = (proxy.global.n or 0) + 1");
    threads.settle();
  }
  assertEquals(threads.all("proxy.global.n"), [9, 9, 9]);
});

Deno.test("installGlobal() sends what a hook has written before it failed", async () => {
  const threads = await Threads.start(2);
  assertThrows(() => threads.run(0, "proxy.global.x = 1 error('no')"), Error, "no");
  assertEquals(threads.all("proxy.global.x"), [1, 1]);
});

Deno.test("installGlobal() keeps the identity of tables, also in circles", async () => {
  const threads = await Threads.start(2);
  threads.run(
    0,
    `local t = { name = "t" }
    t.self = t
    proxy.global.a, proxy.global.b, proxy.global.list = t, t, { t, t }
    kept = t`,
  );
  threads.run(0, "kept.later = 'seen'");
  const same = "proxy.global.a == proxy.global.b and proxy.global.a.self == proxy.global.list[2]" +
    " and proxy.global.a.self.self.later";
  assertEquals(threads.all(same), ["seen", "seen"]);
  assertEquals(threads.run(0, "return kept == proxy.global.a"), true);
  threads.run(1, "proxy.global.a = nil proxy.global.b.x = 1");
  assertEquals(threads.all("tostring(proxy.global.a) .. proxy.global.list[1].x"), ["nil1", "nil1"]);
  threads.run(1, "proxy.global.g = proxy.global");
  assertEquals(threads.all("proxy.global.g.g == proxy.global"), [true, true]);
});

Deno.test("installGlobal() lets tables be walked through and measured", async () => {
  const threads = await Threads.start(2);
  threads.run(0, "proxy.global.t = { 10, 20, 30, x = 'y' }");
  const walk = `(function()
    local t, out = proxy.global.t, {}
    for k, v in pairs(t) do out[#out + 1] = tostring(k) .. "=" .. tostring(v) end
    table.sort(out)
    for i, v in ipairs(t) do out[#out + 1] = i .. ":" .. v end
    return table.concat(out, " ") .. " " .. #t .. " " .. table.concat(t, ",")
  end)()`;
  assertEquals(threads.all(walk), new Array(2).fill("1=10 2=20 3=30 x=y 1:10 2:20 3:30 3 10,20,30"));
  const classic = `(function()
    local t, out = proxy.global.t, {}
    local key, value = next(t)
    while key ~= nil do
      out[#out + 1] = tostring(value)
      key, value = next(t, key)
    end
    table.sort(out)
    out[#out + 1] = table.getn(t) .. " " .. table.maxn(t) .. " " .. table.concat({ unpack(t) }, "+")
    table.foreachi(t, function(i, v) out[#out + 1] = i * v end)
    local sum = 0
    table.foreach(t, function(_, v) sum = sum + (tonumber(v) or 1000) end)
    return table.concat(out, " ") .. " " .. sum .. " " .. tostring(next(proxy.global.t.x and {} or t))
  end)()`;
  assertEquals(threads.all(classic), new Array(2).fill("10 20 30 y 3 3 10+20+30 10 40 90 1060 nil"));
  threads.run(1, "for k in pairs(proxy.global.t) do proxy.global.t[k] = nil end table.insert(proxy.global.t, 5)");
  assertEquals(threads.all("#proxy.global.t .. proxy.global.t[1]"), ["15", "15"]);
  threads.run(0, "local t = proxy.global.t t[2], t[3] = 3, 1 table.sort(t)");
  assertEquals(threads.all("table.concat(proxy.global.t, ',')"), ["1,3,5", "1,3,5"]);
});

Deno.test("installGlobal() leaves functions, coroutines, modules and the host's objects on their thread", async () => {
  const threads = await Threads.start(2);
  threads.run(
    0,
    `local g = proxy.global
    g.f, g.c, g.s, g.e = print, coroutine.create(print), string, _G
    g.host = setmetatable({ 1 }, { __host = true })
    g.mixed = { data = 1, f = print, [print] = 2, [{}] = 3 }`,
  );
  assertEquals(
    threads.run(0, "local g = proxy.global return g.f == print and g.s == string and g.e == _G and g.mixed.f == print"),
    true,
  );
  assertEquals(threads.run(0, "return rawget(string, 'rep') == string.rep and next(_G) ~= nil"), true);
  threads.settle();
  assertEquals(
    threads.run(1, "local n = 0 for k in pairs(proxy.global) do n = n .. k end return n .. proxy.global.mixed.data"),
    "0mixed1",
  );
  // One thread's function does not delete another's, and data comes over it.
  threads.run(1, "proxy.global.f = function() return 'mine' end");
  threads.run(0, "proxy.global.f = nil");
  threads.settle();
  assertEquals(threads.run(1, "return proxy.global.f()"), "mine");
  threads.run(0, "proxy.global.f = 5");
  assertEquals(threads.all("proxy.global.f"), [5, 5]);
});

Deno.test("installGlobal() keeps a script's own metatable behind the shared content", async () => {
  const threads = await Threads.start(2);
  for (const thread of [0, 1]) {
    threads.run(
      thread,
      `proxy.global.config = {}
      methods = { __index = { handle = function(self, x) return self.value .. x end }, __call = function(_, x) return x end }
      setmetatable(proxy.global.config, methods)`,
    );
  }
  threads.settle();
  threads.run(0, "proxy.global.config.value = 'v'");
  assertEquals(threads.all("proxy.global.config:handle('!')"), ["v!", "v!"]);
  assertEquals(threads.all("getmetatable(proxy.global.config) == methods and proxy.global.config(7)"), [7, 7]);
  assertEquals(threads.all("getmetatable(proxy.global) == nil"), [true, true]);
  threads.run(1, "proxy.global.config.handle = 'data first'");
  assertEquals(threads.all("proxy.global.config.handle"), ["data first", "data first"]);
  // With functions, and set before the table is shared.
  threads.run(
    0,
    `local t = setmetatable({}, { __index = function(t, k) return t.base + k end,
      __newindex = function(t, k, v) rawset(t, k, v * 2) end })
    rawset(t, "base", 10)
    proxy.global.object = t
    object = t`,
  );
  threads.run(0, "object.n = 4 object.n = 5");
  assertEquals(threads.run(0, "return object[7] + rawget(object, 'base')"), 27);
  assertEquals(threads.all("proxy.global.object.n + proxy.global.object.base"), [15, 15]);
  threads.run(0, "setmetatable(object, nil)");
  assertEquals(threads.run(0, "return object[7]"), undefined);
  threads.run(0, "setmetatable(object, { __metatable = 'locked' })");
  assertEquals(threads.run(0, "return getmetatable(object)"), "locked");
  assertThrows(() => threads.run(0, "setmetatable(object, {})"), Error, "cannot change a protected metatable");
  assertThrows(() => threads.run(0, "setmetatable(object, 5)"), Error, "hook:1: bad argument #2 to");
  assertThrows(() => threads.run(0, "setmetatable(5, {})"), Error, "hook:1: bad argument #1 to 'setmetatable'");
});

Deno.test("installGlobal() makes one table of those that threads create at the same place at once", async () => {
  const threads = await Threads.start(3);
  for (const thread of [0, 1, 2]) {
    threads.run(
      thread,
      `if not proxy.global.x then proxy.global.x = {} end
      proxy.global.x["of" .. ${thread}] = { n = ${thread} }
      proxy.global.x.deep = { level = { [${thread}] = true } }
      mine = proxy.global.x`,
    );
  }
  const sum = "proxy.global.x.of0.n + proxy.global.x.of1.n + proxy.global.x.of2.n";
  assertEquals(threads.all(sum), [3, 3, 3]);
  assertEquals(threads.all("mine == proxy.global.x"), [true, true, true]);
  assertEquals(threads.all("#proxy.global.x.deep.level .. tostring(proxy.global.x.deep.level[0])"), [
    "2true",
    "2true",
    "2true",
  ]);
  threads.run(1, "mine.later = 1");
  assertEquals(threads.all("mine.later"), [1, 1, 1]);
  // What takes another table's place counts as a whole.
  threads.run(0, "proxy.global.x = { a = 1 }");
  threads.run(1, "proxy.global.x = { b = 2 }");
  assertEquals(threads.all("tostring(proxy.global.x.a) .. proxy.global.x.b"), ["nil2", "nil2", "nil2"]);
  // Deleted and made again: nothing of the former one comes back.
  threads.run(2, "proxy.global.x = nil proxy.global.x = { c = 3 }");
  threads.run(2, "proxy.global.x = nil");
  threads.run(2, "proxy.global.x = { d = 4 }");
  assertEquals(threads.all("tostring(proxy.global.x.c) .. proxy.global.x.d"), ["nil4", "nil4", "nil4"]);
});

Deno.test("installGlobal() lets the later write count, in whatever order the threads hear of them", async () => {
  const threads = await Threads.start(3);
  threads.run(0, "proxy.global.x = 'first'");
  threads.run(1, "proxy.global.x = 'second'");
  threads.network.deliver(1, 2);
  assertEquals(threads.run(2, "return proxy.global.x"), "second");
  threads.network.deliver(0, 2);
  assertEquals(threads.run(2, "return proxy.global.x"), "second");
  assertEquals(threads.all("proxy.global.x"), ["second", "second", "second"]);
  threads.run(0, "proxy.global.x = nil");
  threads.run(1, "proxy.global.x = 'third'");
  assertEquals(threads.all("proxy.global.x"), ["third", "third", "third"]);
  threads.run(1, "proxy.global.x = 'fourth'");
  threads.run(0, "proxy.global.x = nil");
  assertEquals(threads.all("proxy.global.x"), [undefined, undefined, undefined]);
});

Deno.test("installGlobal() applies a write to a table that arrives before the table does", async () => {
  const threads = await Threads.start(3);
  threads.run(0, "proxy.global.t = { a = 1 }");
  threads.network.deliver(0, 1);
  threads.run(1, "proxy.global.t.b = 2 proxy.global.again = proxy.global.t");
  threads.network.deliver(1, 2);
  assertEquals(threads.run(2, "return proxy.global.again.b"), 2);
  assertEquals(threads.all("proxy.global.again.a + proxy.global.t.b"), [3, 3, 3]);
  assertEquals(threads.all("proxy.global.again == proxy.global.t"), [true, true, true]);
});

Deno.test("installGlobal() fetches a table that has been collected when it is linked again", async () => {
  const threads = await Threads.start(3);
  threads.run(0, "kept = { n = 1, deep = { m = 2 } } proxy.global.t = kept");
  threads.settle();
  threads.run(0, "proxy.global.t = nil");
  threads.beat();
  for (const thread of [1, 2]) threads.run(thread, "collectgarbage() collectgarbage()");
  threads.run(0, "kept.n = 5");
  threads.beat();
  for (const thread of [1, 2]) threads.run(thread, "collectgarbage() collectgarbage()");
  threads.run(0, "proxy.global.u = kept");
  assertEquals(threads.all("proxy.global.u.n + proxy.global.u.deep.m"), [7, 7, 7]);
  threads.run(2, "proxy.global.u.deep.m = 10");
  assertEquals(threads.run(0, "return 0") === 0 && threads.all("proxy.global.u.deep.m"), [10, 10, 10]);
  assertEquals(threads.run(0, "return kept.deep.m"), 10);
});

Deno.test("installGlobal() forgets tables and keys that are gone", async () => {
  const threads = await Threads.start(2);
  const memory = () => {
    threads.beat();
    return threads.engines.map((_, i) =>
      Number(threads.run(i, "collectgarbage() collectgarbage() return collectgarbage('count')"))
    );
  };
  const churn = (from: number) => {
    for (let i = from; i < from + 300; i++) {
      threads.run(i % 2, `proxy.global["key${i}"] = { query = ("x"):rep(100), nested = { ${i} } }`);
      threads.settle();
      threads.run(1 - i % 2, `proxy.global["key${i}"] = nil`);
      threads.settle();
    }
  };
  churn(0);
  const before = memory();
  churn(1000);
  const after = memory();
  for (const [i, kilobytes] of after.entries()) assert(kilobytes < (before[i] ?? 0) + 20, `${before} -> ${after}`);
  threads.beat();
  const { sent } = threads.network;
  threads.beat();
  assertEquals(threads.network.sent, sent, "when nothing is written, nothing is said");
});

Deno.test("installGlobal() sends one record for all writes of a hook, and none for what does not change", async () => {
  const threads = await Threads.start(2);
  threads.run(0, "for i = 1, 100 do proxy.global.n = i proxy.global.t = { i } end");
  assertEquals(threads.network.sent, 1);
  threads.run(0, "proxy.global.n = 100 proxy.global.t = proxy.global.t proxy.global.nothing = nil");
  assertEquals(threads.network.sent, 1);
  assertEquals(threads.all("proxy.global.t[1]"), [100, 100]);
});

Deno.test("installGlobal() makes up for what there was no memory for", async () => {
  const module = await compiled;
  const engines = [
    await LuaEngine.open(module),
    await LuaEngine.open(module, { memoryLimit: 24 * 2 ** 20 }),
  ];
  const network = new Network(2);
  const failures: string[] = [];
  const tables = engines.map((engine, index) => {
    const failed = (message: string) => failures.push(message);
    return installGlobal(engine, { threads: 2, index, transport: network.transport(index), failed });
  });
  const [a, b] = engines;
  const [tableA, tableB] = tables;
  assert(a !== undefined && b !== undefined && tableA !== undefined && tableB !== undefined);
  b?.execute("hog = {} pcall(function() for i = 1, 1e7 do hog[i] = ('x'):rep(1000) .. i end end)", "=hog");
  a?.execute("for i = 1, 200 do proxy.global[i] = ('y'):rep(1000) .. i end", "=write");
  tableA?.flush();
  network.deliver(0, 1);
  tableB?.receive();
  assertMatch(failures.join(), /Cannot take over what thread 0 has written.*not enough memory/);
  b?.execute("hog = nil collectgarbage()", "=hog");
  tableB?.wake();
  network.deliver(1, 0);
  tableA?.receive();
  while (network.deliver(0, 1));
  tableB?.receive();
  assertEquals(b?.execute("return #proxy.global", "=count"), [200]);
});

const NAMES = ["a", "b", "c"];
/** A step on one of three threads: a write, or the arrival of a record. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("deliver" as const), from: fc.nat(2), to: fc.nat(2) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      thread: fc.nat(2),
      path: fc.array(fc.constantFrom(...NAMES), { minLength: 1, maxLength: 3 }),
      value: fc.constantFrom(
        "nil",
        "1",
        "2.5",
        "true",
        "{}",
        "{ a = 1 }",
        "{ b = { c = 2 } }",
        "proxy.global.a",
        "print",
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("beat" as const), thread: fc.nat(2) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("collect" as const), thread: fc.nat(2) }) },
);

const DUMP = `(function()
  local ids, count, out = {}, 0, {}
  local function dump(value, path)
    if type(value) ~= "table" then
      if type(value) ~= "function" then out[#out + 1] = path .. "=" .. tostring(value) end
      return
    end
    if ids[value] then out[#out + 1] = path .. "=#" .. ids[value] return end
    ids[value] = path
    out[#out + 1] = path .. "={}"
    local keys = {}
    for key in pairs(value) do keys[#keys + 1] = key end
    table.sort(keys)
    for _, key in ipairs(keys) do dump(value[key], path .. "." .. key) end
  end
  dump(proxy.global, "")
  return table.concat(out, " ")
end)()`;

Deno.test("installGlobal() converges, whatever is written where and arrives when", async () => {
  const module = await compiled;
  const pool = await Promise.all([0, 1, 2].map(() => LuaEngine.open(module)));
  const reset = "proxy = nil collectgarbage()";
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      for (const engine of pool) engine.execute(reset, "=reset");
      const threads = Reflect.construct(Threads, [pool]) as Threads;
      for (const step of steps) {
        if (step.kind === "deliver") {
          threads.network.deliver(step.from, step.to);
          threads.tables[step.to]?.receive();
        } else if (step.kind === "beat") {
          threads.tables[step.thread]?.wake();
        } else if (step.kind === "collect") {
          threads.run(step.thread, "collectgarbage()");
        } else {
          const { path, value, thread } = step;
          // One thread's function at a place where others have data would be a difference that is meant.
          const last = value === "print" ? "f" : path.at(-1);
          threads.run(
            thread,
            `local t = proxy.global
            for _, key in ipairs({ ${path.slice(0, -1).map((key) => `"${key}"`).join()} }) do
              if type(t[key]) ~= "table" then t[key] = {} end
              t = t[key]
            end
            t.${last} = ${value}`,
          );
        }
      }
      threads.settle();
      const [first, ...others] = threads.all(DUMP);
      for (const other of others) assertEquals(other, first);
      threads.beat();
      for (const again of threads.all(DUMP)) assertEquals(again, first);
    }),
    { numRuns: 150 },
  );
});

Deno.test("installGlobal() works over rings that are too small for a record", async () => {
  const module = await compiled;
  const memory = Broadcast.allocate(2, 1024);
  const engines = [await LuaEngine.open(module), await LuaEngine.open(module)];
  const tables = engines.map((engine, index) => {
    return installGlobal(engine, { threads: 2, index, transport: new Broadcast(memory, index, () => {}) });
  });
  engines[0]?.execute("for i = 1, 500 do proxy.global[i] = { text = ('x'):rep(i) } end", "=write");
  for (let i = 0; i < 1000 && engines[1]?.execute("return #proxy.global", "=count")[0] !== 500; i++) {
    for (const table of tables) table.wake();
  }
  assertEquals(engines[1]?.execute("return #proxy.global, #proxy.global[500].text", "=count"), [500, 500]);
});

Deno.test("installGlobal() tells a thread everything that has hung for a while", async () => {
  const module = await compiled;
  const memory = Broadcast.allocate(2, 1024);
  const engines = [await LuaEngine.open(module), await LuaEngine.open(module)];
  const tables = engines.map((engine, index) => {
    const transport = new Broadcast(memory, index, () => {}, { bytes: 4000, stalled: 0 });
    return installGlobal(engine, { threads: 2, index, transport });
  });
  for (let i = 1; i <= 100; i++) {
    engines[0]?.execute(`proxy.global[${i}] = { text = ("x"):rep(100) } proxy.global.old = ${i}`, "=write");
    tables[0]?.flush();
  }
  engines[0]?.execute("proxy.global.old = nil proxy.global.last = 'seen'", "=write");
  for (let i = 0; i < 1000 && engines[1]?.execute("return proxy.global.last", "=count")[0] === undefined; i++) {
    tables[1]?.wake();
    tables[0]?.wake();
  }
  assertEquals(engines[1]?.execute("return #proxy.global, proxy.global.old, #proxy.global[100].text", "=count"), [
    100,
    undefined,
    100,
  ]);
});

/** Sends an order and waits for the answer; what it asks the other workers for is passed on. */
function ask(workers: readonly Worker[], worker: Worker, order: Order): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data !== "wake") return resolve(data instanceof Uint8Array ? decoder.decode(data) : data);
      for (const other of workers) if (other !== worker) other.postMessage({ kind: "wake" } satisfies Order);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message));
    };
    worker.postMessage(order);
  });
}

Deno.test("installGlobal() joins the states of threads that write all at the same time", async () => {
  const module = await compiled;
  const count = 3;
  // Small inboxes: they are full all the time.
  const memory = Broadcast.allocate(count, 8192);
  const workers = Array.from({ length: count }, () => {
    return new Worker(new URL("./global_table_worker.ts", import.meta.url), { type: "module" });
  });
  const all = (order: Order) => Promise.all(workers.map((worker) => ask(workers, worker, order)));
  try {
    await Promise.all(workers.map((worker, index) => {
      return ask(workers, worker, { kind: "start", module, memory, index });
    }));
    const source = `
      local g = proxy.global
      n = (n or 0) + 1
      if not g.stats then g.stats = {} end
      if not g.stats.of then g.stats.of = {} end
      g.stats.of["thread" .. thread] = n
      g.last = { thread = thread, n = n, text = ("x"):rep(n % 200) }
      g["q" .. n % 50] = { from = thread }
      if n % 7 == 0 then g["q" .. n % 50] = nil end
      if n % 100 == 0 then collectgarbage() end`;
    await all({ kind: "run", source, times: 1000 });
    // Until everybody has everything.
    let dumps: unknown[] = [];
    for (let round = 0; round < 100 && (round < 3 || new Set(dumps).size > 1); round++) {
      for (const worker of workers) worker.postMessage({ kind: "wake" } satisfies Order);
      dumps = await all({ kind: "run", source: `return ${DUMP}`, times: 1 });
    }
    const [first, ...others] = dumps;
    for (const other of others) assertEquals(other, first);
    for (let index = 0; index < count; index++) {
      assertMatch(String(first), new RegExp(`\\.stats\\.of\\.thread${index}=1000`));
    }
  } finally {
    for (const worker of workers) worker.terminate();
  }
});

Deno.test("installGlobal() stays the same everywhere when a script is stopped while it writes", async () => {
  const module = await compiled;
  const network = new Network(2);
  const engines = [await LuaEngine.open(module, { timeLimitMs: 20 }), await LuaEngine.open(module)];
  const tables = engines.map((engine, index) => {
    return installGlobal(engine, { threads: 2, index, transport: network.transport(index) });
  });
  for (let i = 0; i < 5; i++) {
    assertThrows(
      () => engines[0]?.execute("local i = 0 while true do i = i + 1 proxy.global[i % 97] = { i } end", "=endless"),
      LuaError,
      "ran longer",
    );
    tables[0]?.flush();
    while (network.deliver(0, 1));
    tables[1]?.receive();
    const dump =
      "local out = {} for i = 0, 96 do out[i + 1] = (proxy.global[i] or {})[1] or 0 end return table.concat(out, ' ')";
    assertEquals(engines[1]?.execute(dump, "=dump"), engines[0]?.execute(dump, "=dump"));
  }
});

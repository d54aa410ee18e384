import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { Side } from "../../lib/core/effects.ts";
import type { LoginPolicy } from "../../lib/core/login_policy.ts";
import { Pool } from "../../lib/core/pool.ts";
import {
  Capability,
  Command,
  CompressedChannel,
  concat,
  encodeChangeUser,
  encodeErr,
  encodeHandshake,
  encodeHandshakeResponse,
  encodePacket,
  encodePackets,
  MAX_PAYLOAD,
  parseHandshake,
  parseHandshakeResponse,
} from "../../lib/protocol/mod.ts";
import { type Decision, Verdict } from "../../lib/script/mod.ts";
import {
  CAPABILITIES,
  command,
  type Effect,
  errorIn,
  greeting,
  hex,
  login,
  OK,
  OK_LOGIN,
  packet,
  PLAIN,
  Playbook,
  TWO_BACKENDS,
  unhex,
} from "./playbook.ts";
import { FakeScript, scripted } from "./scripted_playbook.ts";

const SELECT = Uint8Array.of(Command.COM_QUERY, ...new TextEncoder().encode("SELECT 1"));
const QUERY = encodePacket(SELECT, 0);
const OTHER = Uint8Array.of(Command.COM_QUERY, ...new TextEncoder().encode("SELECT 2"));
const COLUMN = "03646566000000013100" + "0c3f0002000000088100000000";
const RESULT = concat(
  packet("01", 1),
  packet(COLUMN, 2),
  packet("fe00000200", 3),
  packet("0131", 4),
  packet("fe01002200", 5),
);
const OK_PAYLOAD = unhex("00000002000000");
const DENIED = encodeErr({ errorNumber: 1045, sqlState: "28000", message: "no" });

function sent(to: Side, ...parts: Uint8Array[]): Effect {
  return { to, bytes: hex(concat(...parts)) };
}

function loggedIn(script: FakeScript, entries?: typeof TWO_BACKENDS, pool?: Pool): Playbook {
  const book = scripted(script, entries, pool).logIn();
  script.calls.length = 0;
  return book;
}

/** A hook that waits until it is told what to decide. */
function waiting(): { readonly decision: Promise<Verdict>; readonly decide: (verdict: Verdict) => Promise<void> } {
  const { promise, resolve } = Promise.withResolvers<Verdict>();
  const decide = async (verdict: Verdict) => {
    resolve(verdict);
    await promise;
    await Promise.resolve();
  };
  return { decision: promise, decide };
}

Deno.test("Session calls the hooks of a script in their order", () => {
  const script = new FakeScript();
  const book = scripted(script).logIn();
  book.say("client", QUERY).say("server", RESULT);
  book.session.closed("client", book.now);
  assertEquals(script.calls, [
    "connect_server",
    "read_handshake",
    "read_auth",
    "read_auth_result",
    "read_query",
    "disconnect_client",
  ]);
});

Deno.test("Session lets bytes pass unchanged where a script decides nothing", () => {
  const book = loggedIn(new FakeScript());
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [sent("server", QUERY), sent("client", RESULT)]);
  assertEquals(book.session.idle, true);
});

Deno.test("Session hides from both sides what scripts do not understand", () => {
  const modern = CAPABILITIES | Capability.CLIENT_DEPRECATE_EOF | Capability.CLIENT_QUERY_ATTRIBUTES |
    Capability.CLIENT_OPTIONAL_RESULTSET_METADATA;
  const book = scripted(new FakeScript());
  book.session.open(book.now);
  book.session.connected(book.now);
  book.take();
  book.say("server", greeting(modern));
  const [offer] = book.take();
  assertEquals(
    parseHandshake(unhex("bytes" in offer! && "to" in offer ? offer.bytes : "").subarray(4)).capabilities,
    CAPABILITIES,
  );
  book.say("client", login(modern));
  const [answer] = book.take();
  const response = parseHandshakeResponse(unhex("to" in answer! ? answer.bytes : "").subarray(4));
  assertEquals(response.capabilities, CAPABILITIES);
});

Deno.test("Session sends the script's queries one after the other and gives the client the first result that passes", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, OTHER, true);
    script.append(2, packet, true);
    return Verdict.SEND_QUERY;
  };
  script.onResult = ({ query }) => query.id === 1 ? Verdict.IGNORE_RESULT : Verdict.NONE;
  const book = loggedIn(script);
  book.say("client", QUERY);
  assertEquals(book.take(), [sent("server", encodePacket(OTHER, 0))]);
  book.say("server", RESULT, 7);
  assertEquals(book.take(), [sent("server", QUERY)]);
  book.say("server", RESULT);
  assertEquals(book.take(), [sent("client", RESULT)]);
  const [first] = script.results;
  assertEquals(first?.rowCount, 1);
  assertEquals(first?.bytes, 6);
  assertEquals(first?.warnings, 1);
  assertEquals(first?.serverStatus, 0x22);
  assertEquals(first?.status, 0);
  assertEquals(first?.affectedRows, undefined);
  assertEquals(first?.queryTime, 5000);
  assertEquals(first?.packets?.map(hex), ["01", COLUMN, "fe00000200", "0131", "fe01002200"]);
  assertEquals(book.session.idle, true);
});

Deno.test("Session streams a result that no script needs, and tells of it all the same", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, packet);
    return Verdict.SEND_QUERY;
  };
  const book = loggedIn(script);
  book.say("client", QUERY).say("server", RESULT.subarray(0, 20));
  assertEquals(book.take(), [sent("server", QUERY), sent("client", RESULT.subarray(0, 20))]);
  book.say("server", RESULT.subarray(20));
  assertEquals(book.take(), [sent("client", RESULT.subarray(20))]);
  assertEquals(script.results.map(({ rowCount, packets }) => [rowCount, packets]), [[1, undefined]]);
});

Deno.test("Session answers in the server's place", () => {
  const script = new FakeScript();
  script.onQuery = () => Verdict.SEND_RESULT;
  script.answer = [OK_PAYLOAD];
  const book = loggedIn(script);
  book.say("client", QUERY).say("client", QUERY);
  assertEquals(book.take(), [sent("client", OK, OK)]);
  assertEquals(book.session.idle, true);
});

Deno.test("Session runs queries that are queued behind an answer, and drops their results", () => {
  const script = new FakeScript();
  script.onQuery = () => {
    script.append(1, OTHER);
    return Verdict.SEND_RESULT;
  };
  script.answer = [OK_PAYLOAD];
  const book = loggedIn(script);
  book.say("client", QUERY);
  assertEquals(book.take(), [sent("client", OK), sent("server", encodePacket(OTHER, 0))]);
  book.say("server", RESULT);
  assertEquals(book.take(), []);
  assertEquals(book.session.idle, true);
});

Deno.test("Session replaces a result", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, packet, true);
    return Verdict.SEND_QUERY;
  };
  script.onResult = () => Verdict.SEND_RESULT;
  script.answer = [OK_PAYLOAD];
  const book = loggedIn(script);
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [sent("server", QUERY), sent("client", OK)]);
});

Deno.test("Session numbers results anew where the script's query has another length than the client's", () => {
  const script = new FakeScript();
  script.onQuery = () => {
    script.append(1, OTHER);
    return Verdict.SEND_QUERY;
  };
  const book = loggedIn(script);
  const long = new Uint8Array(MAX_PAYLOAD + 1).fill(0x20);
  long[0] = Command.COM_QUERY;
  book.say("client", encodePacket(long, 0));
  assertEquals(book.take(), [sent("server", encodePacket(OTHER, 0))]);
  book.say("server", RESULT, 9);
  const numbers = (bytes: string) => [...packetNumbers(unhex(bytes))];
  const [effect] = book.take();
  assertEquals(numbers(effect !== undefined && "to" in effect ? effect.bytes : ""), [2, 3, 4, 5, 6]);
});

function* packetNumbers(bytes: Uint8Array): Generator<number> {
  for (let at = 0; at < bytes.length; at += 4 + (bytes[at]! | bytes[at + 1]! << 8 | bytes[at + 2]! << 16)) {
    yield bytes[at + 3]!;
  }
}

Deno.test("Session hands a command of more than 16 MB to the script as one", () => {
  const script = new FakeScript();
  let length = 0;
  script.onQuery = (packet) => {
    length = packet.length;
    return Verdict.NONE;
  };
  const book = loggedIn(script);
  const long = new Uint8Array(2 * MAX_PAYLOAD).fill(0x20);
  long[0] = Command.COM_QUERY;
  const bytes = encodePacket(long, 0);
  book.say("client", bytes, 1 << 20);
  assertEquals(length, long.length);
  const effects = book.take();
  assertEquals(effects.length, 1);
  assertEquals(effects, [sent("server", bytes)]);
});

Deno.test("Session joins rows of more than 16 MB for the script and sends them on as they came", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, packet, true);
    return Verdict.SEND_QUERY;
  };
  const book = loggedIn(script);
  book.say("client", QUERY);
  book.take();
  const row = new Uint8Array(MAX_PAYLOAD + 100).fill(0xfe);
  row.set(unhex("fd5b0000"), 0);
  row[0] = 0xfe;
  const bytes = encodePackets([unhex("01"), unhex(COLUMN), unhex("fe00000200"), row, unhex("fe00000200")], 1);
  book.say("server", bytes.subarray(0, 100)).say("server", bytes.subarray(100));
  assertEquals(script.results[0]?.packets?.map(({ length }) => length), [1, unhex(COLUMN).length, 5, row.length, 5]);
  assertEquals(script.results[0]?.rowCount, 1);
  assertEquals(script.results[0]?.bytes, row.length + 8);
  assertEquals(book.take(), [{ to: "client", bytes: hex(bytes.subarray(0, 100)) + hex(bytes.subarray(100)) }]);
});

Deno.test("Session gives an ERR to the client of a script that ignores every result", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, packet, true);
    return Verdict.SEND_QUERY;
  };
  script.onResult = () => Verdict.IGNORE_RESULT;
  const book = loggedIn(script);
  book.say("client", QUERY).say("server", RESULT);
  const error = errorIn(book.take().at(-1));
  assertEquals(error.sequenceId, 1);
  assertStringIncludes(error.message, "ignored every result");
  assertEquals(book.session.idle, true);
});

Deno.test("Session gives a client one result for a command, whatever the script does", () => {
  for (const second of [Verdict.NONE, Verdict.SEND_RESULT, Verdict.IGNORE_RESULT]) {
    const script = new FakeScript();
    script.answer = [OK_PAYLOAD];
    script.onQuery = (packet) => {
      script.append(1, packet, true);
      script.append(2, packet, true);
      script.append(3, packet);
      return Verdict.SEND_QUERY;
    };
    script.onResult = ({ query }) => query.id === 1 ? Verdict.NONE : second;
    const book = loggedIn(script);
    book.say("client", QUERY).say("server", RESULT).say("server", RESULT).say("server", RESULT);
    const toClient = book.take().filter((effect) => "to" in effect && effect.to === "client");
    assertEquals(toClient, [sent("client", RESULT)]);
    assertEquals(book.session.idle, true);
  }
});

Deno.test("Session does not let a script replace what the client has already", () => {
  const script = new FakeScript();
  script.answer = [OK_PAYLOAD];
  script.onQuery = (packet) => {
    script.append(1, packet);
    return Verdict.SEND_QUERY;
  };
  script.onResult = () => Verdict.SEND_RESULT;
  const book = loggedIn(script);
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take().at(-1), sent("client", RESULT));
  assertStringIncludes(book.reports.join(), "resultset_is_needed");
});

Deno.test("Session goes on with the queue behind a query that has no response", () => {
  const script = new FakeScript();
  const close = Uint8Array.of(Command.COM_STMT_CLOSE, 1, 0, 0, 0);
  script.onQuery = (packet) => {
    script.append(1, close);
    script.append(2, packet);
    return Verdict.SEND_QUERY;
  };
  const book = loggedIn(script);
  book.say("client", QUERY);
  assertEquals(book.take(), [sent("server", encodePacket(close, 0), QUERY)]);
  book.say("server", RESULT);
  assertEquals(book.take(), [sent("client", RESULT)]);
});

Deno.test("Session lets the stream of a replica pass, also where the script has queued the command", () => {
  for (const queued of [false, true]) {
    const script = new FakeScript();
    const dump = Uint8Array.of(Command.COM_BINLOG_DUMP, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0);
    script.onQuery = (packet) => {
      if (queued) script.append(1, packet, true);
      return queued ? Verdict.SEND_QUERY : Verdict.NONE;
    };
    const book = loggedIn(script);
    book.say("client", encodePacket(dump, 0));
    assertEquals(book.take(), [sent("server", encodePacket(dump, 0))]);
    const event = packet("00aabbcc", 1);
    book.say("server", event);
    assertEquals(book.take(), [sent("client", event)]);
    book.say("client", packet("ef01", 0));
    assertEquals(book.take(), [sent("server", packet("ef01", 0))]);
    book.say("server", packet("fe00000200", 2));
    assertEquals(book.take(), [sent("client", packet("fe00000200", 2))]);
    assertEquals(book.session.idle, true);
  }
});

Deno.test("Session takes nothing from a client behind its COM_QUIT", () => {
  for (const queued of [false, true]) {
    const script = new FakeScript();
    script.onQuery = (packet) => {
      if (queued) script.append(1, packet);
      return queued ? Verdict.SEND_QUERY : Verdict.NONE;
    };
    const book = loggedIn(script);
    const quit = command(Command.COM_QUIT);
    book.say("client", concat(quit, QUERY)).say("client", QUERY);
    assertEquals(book.take(), [sent("server", quit)]);
    book.session.closed("server", book.now);
    assertEquals(book.take(), [{ close: "server" }, { close: "client" }]);
    assertEquals(script.calls, ["read_query", "disconnect_client"]);
  }
});

Deno.test("Session keeps commands that come too early, and answers them in their order", () => {
  const script = new FakeScript();
  const book = loggedIn(script);
  book.say("client", concat(QUERY, encodePacket(OTHER, 0)));
  assertEquals(book.take(), [sent("server", QUERY)]);
  book.say("client", command(Command.COM_PING));
  book.say("server", RESULT);
  assertEquals(book.take(), [sent("client", RESULT), sent("server", encodePacket(OTHER, 0))]);
  book.say("server", RESULT).say("server", OK);
  assertEquals(book.take(), [sent("client", RESULT), sent("server", command(Command.COM_PING)), sent("client", OK)]);
});

Deno.test("Session lets everything wait for a hook that waits", async () => {
  const script = new FakeScript();
  const hook = waiting();
  script.onQuery = (): Decision => script.calls.length === 1 ? hook.decision : Verdict.NONE;
  const book = loggedIn(script);
  book.say("client", QUERY).say("client", encodePacket(OTHER, 0));
  assertEquals(book.take(), []);
  assertEquals(book.session.waiting, true);
  await hook.decide(Verdict.NONE);
  assertEquals(book.take(), [sent("server", QUERY)]);
  book.say("server", RESULT);
  assertEquals(book.take(), [sent("client", RESULT), sent("server", encodePacket(OTHER, 0))]);
});

Deno.test("Session keeps a result while the hook that looks at it waits", async () => {
  const script = new FakeScript();
  const hook = waiting();
  script.onQuery = (packet) => {
    script.append(1, packet, true);
    return Verdict.SEND_QUERY;
  };
  script.onResult = () => hook.decision;
  const book = loggedIn(script);
  // The bytes are wiped as soon as they have been taken.
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [sent("server", QUERY)]);
  await hook.decide(Verdict.NONE);
  assertEquals(book.take(), [sent("client", RESULT)]);
});

Deno.test("Session ends where it fails itself after a hook has waited", async () => {
  const script = new FakeScript();
  const hook = waiting();
  script.onQuery = () => hook.decision;
  script.response = () => {
    throw new TypeError("unforeseen");
  };
  const book = loggedIn(script);
  book.say("client", QUERY);
  await hook.decide(Verdict.SEND_RESULT);
  assertEquals(book.take(), [{ close: "client" }, { close: "server" }]);
  assertStringIncludes(book.reports.join(), "unforeseen");
});

Deno.test("Session stops reading a client that says too much while it has to wait", () => {
  const script = new FakeScript();
  script.onQuery = () => waiting().decision;
  const book = loggedIn(script);
  book.say("client", QUERY).say("client", new Uint8Array(300_000));
  assertEquals(book.take(), [{ hold: true }]);
  const other = loggedIn(new FakeScript());
  other.say("client", QUERY).say("client", new Uint8Array(300_000));
  assertEquals(other.take(), [sent("server", QUERY), { hold: true }]);
});

Deno.test("Session gives up a hook that waits when the client goes away", async () => {
  const script = new FakeScript();
  const hook = waiting();
  script.onQuery = () => hook.decision;
  const book = loggedIn(script);
  book.say("client", QUERY);
  book.session.closed("client", book.now);
  assertEquals(script.calls, ["read_query", "cancel", "disconnect_client"]);
  book.take();
  await hook.decide(Verdict.NONE);
  assertEquals(book.take(), []);
});

Deno.test("Session hears of a server that closes while a hook waits when it is over", async () => {
  const script = new FakeScript();
  const hook = waiting();
  script.onQuery = () => hook.decision;
  const book = loggedIn(script);
  book.say("client", QUERY);
  book.session.closed("server", book.now);
  assertEquals(book.take(), []);
  await hook.decide(Verdict.NONE);
  const effects = book.take();
  assertEquals(errorIn(effects.find((effect) => "to" in effect && effect.to === "client")).errorNumber, 2013);
});

Deno.test("Session takes a server's last word while a hook waits for nobody's once the script has left it", async () => {
  for (const leave of [0, 1]) {
    const pool = new Pool();
    parked(pool);
    const script = new FakeScript();
    const hook = waiting();
    const book = loggedIn(script, undefined, pool);
    script.onQuery = () => hook.decision;
    book.say("client", QUERY).say("server", packet(DENIED, 0));
    book.session.closed("server", book.now);
    book.session.backendNdx = leave;
    // It is closed, so nobody else may get it.
    assertEquals(book.take(), leave === 0 ? [{ drop: true }] : [{ drop: true }, { adopt: true }]);
    assertEquals(pool.count(0), 1 - leave);
    script.answer = [OK_PAYLOAD];
    await hook.decide(leave === 0 ? Verdict.SEND_RESULT : Verdict.NONE);
    if (leave === 0) assertEquals(book.take(), [sent("client", OK)]);
    else assertEquals([...book.take(), ...book.say("server", OK).take()], [sent("server", QUERY), sent("client", OK)]);
    assertEquals(book.session.idle, true);
  }
});

Deno.test("Session does not pool a server that closes while connect_server waits", async () => {
  const pool = new Pool();
  parked(pool);
  const script = new FakeScript();
  const hook = waiting();
  const book = scripted(script, undefined, pool);
  script.onConnect = () => {
    book.session.backendNdx = 1;
    return hook.decision;
  };
  book.session.open(book.now);
  book.session.closed("server", book.now);
  await hook.decide(Verdict.NONE);
  assertEquals(book.take(), [{ adopt: true }, { drop: true }, { connect: 0 }]);
  assertEquals(pool.count(0), 0);
});

Deno.test("Session passes a request for a file on, although the script wanted the result", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, packet, true);
    return Verdict.SEND_QUERY;
  };
  script.onResult = () => Verdict.IGNORE_RESULT;
  const book = loggedIn(script);
  book.say("client", QUERY);
  book.take();
  const request = packet("fb2f746d702f78", 1);
  book.say("server", request);
  assertEquals(book.take(), [sent("client", request)]);
  const [data, end] = [packet("6162", 2), packet("", 3)];
  book.say("client", concat(data, end));
  assertEquals(book.take(), [sent("server", data, end)]);
  const verdict = packet("00030002000000", 4);
  book.say("server", verdict);
  assertEquals(book.take(), [sent("client", verdict)]);
  assertEquals(script.results[0]?.affectedRows, 3);
  assertEquals(book.session.idle, true);
});

Deno.test("Session waits for the end of a file that the server has refused half-way", () => {
  for (const needed of [false, true]) {
    const script = new FakeScript();
    script.onQuery = (packet) => {
      script.append(1, packet, needed);
      script.append(2, OTHER, true);
      return Verdict.SEND_QUERY;
    };
    script.onResult = ({ query }) => query.id === 2 ? Verdict.IGNORE_RESULT : Verdict.NONE;
    const book = loggedIn(script);
    book.say("client", QUERY).say("server", packet("fb2f746d702f78", 1)).say("client", packet("6162", 2)).take();
    const refused = encodePacket(DENIED, 3);
    book.say("server", refused);
    assertEquals(script.results, []);
    book.say("client", packet("", 3));
    assertEquals(script.results.map(({ status }) => status), [255]);
    assertEquals(book.take().filter((effect) => "to" in effect && effect.to === "client"), [sent("client", refused)]);
    book.say("server", RESULT);
    assertEquals(book.session.idle, true);
  }
});

Deno.test("Session numbers the ERR packet of a server that dies while a file is waited for", () => {
  for (const asks of ["script", "server", "server of a kept result"]) {
    const script = new FakeScript();
    script.answer = [unhex("fb2f746d702f78")];
    script.onQuery = (query) => {
      if (asks === "script") return Verdict.SEND_RESULT;
      script.append(1, query, asks !== "server");
      return Verdict.SEND_QUERY;
    };
    const book = loggedIn(script);
    book.say("client", QUERY);
    if (asks !== "script") book.say("server", packet("fb2f746d702f78", 1));
    book.take();
    book.session.closed("server", book.now);
    assertEquals(errorIn(book.take().find((effect) => "to" in effect && effect.to === "client")).sequenceId, 2, asks);
  }
});

Deno.test("Session sends no file to a server that asks for one in a query that the client does not know of", () => {
  const script = new FakeScript();
  script.answer = [OK_PAYLOAD];
  script.onQuery = () => {
    script.append(1, OTHER, true);
    return Verdict.SEND_RESULT;
  };
  const book = loggedIn(script);
  book.say("client", QUERY);
  book.take();
  book.say("server", packet("fb2f746d702f78", 1));
  assertEquals(book.take(), [sent("server", packet("", 2))]);
  book.say("server", packet("00000002000000", 3));
  assertEquals(book.session.idle, true);
});

Deno.test("Session takes the file that a script has asked the client for, and says when all has come", () => {
  const request = unhex("fb2f746d702f78");
  const data = encodePacket(SELECT, 2);
  for (const from of ["read_query", "read_query_result"]) {
    const script = new FakeScript();
    script.answer = [request];
    script.onQuery = () => {
      script.append(1, OTHER, true);
      return from === "read_query" ? Verdict.SEND_RESULT : Verdict.SEND_QUERY;
    };
    script.onResult = () => from === "read_query" ? Verdict.IGNORE_RESULT : Verdict.SEND_RESULT;
    const book = loggedIn(script);
    book.say("client", QUERY);
    if (from === "read_query_result") {
      book.take();
      book.say("server", RESULT);
    }
    assertEquals(book.take(), [sent("client", encodePacket(request, 1))]);
    book.say("client", data);
    assertEquals(book.session.idle, false);
    assertEquals(book.take(), []);
    book.say("client", packet("", 3));
    const [ok, ...behind] = book.take();
    assertEquals(ok, sent("client", packet("00000002000000", 4)));
    assertEquals(behind, from === "read_query" ? [sent("server", encodePacket(OTHER, 0))] : []);
    if (from === "read_query") book.say("server", RESULT);
    assertEquals(script.calls.filter((call) => call === "read_query").length, 1);
    assertEquals(book.session.idle, true);
  }
});

// --- logging in

Deno.test("Session refuses a client by connect_server", () => {
  const script = new FakeScript();
  script.onConnect = () => Verdict.SEND_RESULT;
  script.answer = [DENIED];
  const book = scripted(script);
  book.session.open(book.now);
  assertEquals(book.take(), [sent("client", encodePacket(DENIED, 0)), { close: "client" }]);
  assertEquals(script.calls, ["connect_server", "disconnect_client"]);
});

Deno.test("Session is a server by itself where a script greets", () => {
  const script = new FakeScript();
  const own = encodeHandshake({
    serverVersion: "5.1.0-mock",
    connectionId: 1,
    authData: new Uint8Array(20).fill(1),
    capabilities: CAPABILITIES,
    charset: 8,
    status: 2,
    authPluginName: "mysql_native_password",
  });
  script.onConnect = () => Verdict.SEND_RESULT;
  script.onQuery = () => Verdict.SEND_RESULT;
  script.answer = [own];
  const book = scripted(script);
  book.session.open(book.now);
  assertEquals(book.take(), [sent("client", encodePacket(own, 0))]);
  book.say("client", login());
  assertEquals(book.take(), [sent("client", OK_LOGIN)]);
  script.answer = [OK_PAYLOAD];
  book.say("client", QUERY);
  assertEquals(book.take(), [sent("client", OK)]);
  book.say("client", command(Command.COM_QUIT));
  assertEquals(book.take(), [{ close: "client" }]);
});

Deno.test("Session says that there is no server for a command that a script lets pass without one", () => {
  const script = new FakeScript();
  script.onConnect = () => Verdict.SEND_RESULT;
  script.answer = [greeting().slice(4)];
  const book = scripted(script);
  book.session.open(book.now);
  book.say("client", login());
  book.take();
  book.say("client", QUERY);
  const [error, close] = book.take();
  assertEquals(errorIn(error).errorNumber, 1105);
  assertStringIncludes(errorIn(error).message, "no backend is attached");
  assertEquals(errorIn(error).sequenceId, 1);
  assertEquals(close, { close: "client" });
});

Deno.test("Session closes after an ERR of a script at every step of the login", () => {
  for (const step of ["onHandshake", "onAuth", "onAuthResult"] as const) {
    const script = new FakeScript();
    script[step] = () => Verdict.SEND_RESULT;
    script.answer = [DENIED];
    const book = scripted(script);
    book.session.open(book.now);
    book.session.connected(book.now);
    book.say("server", greeting()).say("client", login());
    if (step === "onAuthResult") book.say("server", OK_LOGIN);
    const effects = book.take();
    const closes = effects.filter((effect) => "close" in effect);
    assertEquals(closes, [{ close: "client" }, { close: "server" }], step);
    book.say("client", QUERY);
    assertEquals(book.take(), [], step);
  }
});

Deno.test("Session lets a client in without the server, which it leaves then", () => {
  const script = new FakeScript();
  script.onAuth = () => Verdict.SEND_RESULT;
  script.answer = [OK_PAYLOAD];
  const book = scripted(script);
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting());
  book.take();
  book.say("client", login());
  assertEquals(book.take(), [sent("client", OK_LOGIN), { drop: true }]);
  assertEquals(book.backends.connectedClients(0), 0);
});

Deno.test("Session sends the server the login packet of a script", () => {
  const script = new FakeScript();
  const other = login(CAPABILITIES).slice(4);
  other.set(new TextEncoder().encode("bob"), 32);
  script.onAuth = () => {
    script.append(1, other);
    return Verdict.SEND_QUERY;
  };
  const book = scripted(script);
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting()).say("client", login());
  assertEquals(book.take().at(-1), sent("server", encodePacket(other, 1)));
});

Deno.test("Session compresses as the client has said, whoever lets it in and whatever the server is told", () => {
  const capabilities = CAPABILITIES | Capability.CLIENT_COMPRESS;
  const policy: LoginPolicy = { ...PLAIN, clientCompression: ["zlib"] };
  for (const verdict of [Verdict.SEND_RESULT, Verdict.SEND_QUERY]) {
    const script = new FakeScript();
    script.answer = [OK_PAYLOAD];
    script.onAuth = () => {
      if (verdict === Verdict.SEND_QUERY) script.append(1, login(CAPABILITIES).subarray(4));
      return verdict;
    };
    script.onQuery = (packet) => {
      assertEquals(packet, SELECT);
      return Verdict.SEND_RESULT;
    };
    const book = scripted(script, undefined, undefined, "", policy);
    book.session.open(book.now);
    book.session.connected(book.now);
    book.say("server", greeting(CAPABILITIES)).say("client", login(capabilities));
    if (verdict === Verdict.SEND_QUERY) book.say("server", OK_LOGIN);
    book.take();
    const client = new CompressedChannel("zlib");
    book.say("client", client.encode(QUERY, true));
    const [answer] = book.take();
    assertEquals(client.decode(unhex("to" in answer! ? answer.bytes : "")), OK);
  }
});

Deno.test("Session lets no script let in whom it does not serve", () => {
  const script = new FakeScript();
  script.answer = [OK_PAYLOAD];
  script.onAuth = () => Verdict.SEND_RESULT;
  const book = scripted(script, undefined, undefined, "", { ...PLAIN, clientTls: "required" });
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting());
  book.take();
  book.say("client", login());
  const [error, ...closed] = book.take();
  assertStringIncludes(errorIn(error).message, "connections without TLS are not served");
  assertEquals(closed, [{ close: "client" }, { close: "server" }]);
});

Deno.test("Session refuses a login packet for a server that is not there", () => {
  const script = new FakeScript();
  script.onConnect = () => Verdict.SEND_RESULT;
  script.onAuth = () => {
    script.append(1, login().slice(4));
    return Verdict.SEND_QUERY;
  };
  script.answer = [greeting().slice(4)];
  const book = scripted(script);
  book.session.open(book.now);
  book.take();
  book.say("client", login());
  assertStringIncludes(errorIn(book.take()[0]).message, "no server");
});

Deno.test("Session connects to the backend that a script chooses, unless it is down", () => {
  const script = new FakeScript();
  const book = scripted(script, TWO_BACKENDS);
  script.onConnect = () => {
    book.session.backendNdx = 2;
    return Verdict.NONE;
  };
  book.session.open(book.now);
  assertEquals(book.take(), [{ connect: 1 }]);
  book.session.connectFailed("refused", book.now);
  assertEquals(book.take(), [{ drop: true }, { backend: 1, up: false }, { connect: 0 }]);
  assertEquals(script.calls, ["connect_server", "connect_server"]);
});

Deno.test("Session follows a change of user, whether the script queued it or not", () => {
  for (const queued of [false, true]) {
    const script = new FakeScript();
    script.onQuery = (packet) => {
      if (queued) script.append(1, packet, true);
      return queued ? Verdict.SEND_QUERY : Verdict.NONE;
    };
    const book = loggedIn(script);
    const change = encodeChangeUser(
      { username: "bob", authResponse: new Uint8Array(20), database: "shop", charset: 255, authPluginName: "x" },
      CAPABILITIES,
    );
    book.say("client", encodePacket(change, 0), 3);
    assertEquals(book.take(), [sent("server", encodePacket(change, 0))]);
    const [more, answer, done] = [packet("fe61006162", 1), packet("7777", 2), packet("00000002000000", 3)];
    book.say("server", more).say("client", answer).say("server", done);
    assertEquals(book.take(), [sent("client", more), sent("server", answer), sent("client", done)]);
    assertEquals([book.session.username, book.session.link?.identity?.username], ["bob", "bob"]);
    assertEquals([book.session.defaultDb, book.session.link?.defaultDb], ["shop", "shop"]);
    const told = script.results.map(({ query, status, packets }) => [query.id, status, packets?.map(hex)]);
    assertEquals(told, queued ? [[1, 0, ["00000002000000"]]] : []);
    assertEquals(book.session.idle, true);
  }
});

Deno.test("Session tells a script of a change of user that was refused", () => {
  const script = new FakeScript();
  script.onQuery = (packet) => {
    script.append(1, packet);
    return Verdict.SEND_QUERY;
  };
  const book = loggedIn(script);
  const change = encodeChangeUser(
    { username: "bob", authResponse: new Uint8Array(20), database: "", charset: 255 },
    CAPABILITIES & ~Capability.CLIENT_PLUGIN_AUTH,
  );
  book.say("client", encodePacket(change, 0)).say("server", encodePacket(DENIED, 1));
  assertEquals(book.take().at(-1), sent("client", encodePacket(DENIED, 1)));
  assertEquals(script.results.map(({ status }) => status), [255]);
  assertEquals(book.session.username, "ada");
});

Deno.test("Session says that there is no backend to a client whose script wishes for one that is none", () => {
  for (const ndx of [3, -1, NaN, Infinity]) {
    const script = new FakeScript();
    const book = scripted(script, TWO_BACKENDS);
    script.onConnect = () => {
      book.session.backendNdx = ndx;
      return Verdict.NONE;
    };
    book.session.open(book.now);
    const [error, close] = book.take();
    assertEquals([errorIn(error).errorNumber, close], [1105, { close: "client" }], `${ndx}`);
  }
});

// --- the pool

/** A client whose connection is parked as soon as it is logged in. */
function parked(pool: Pool): Playbook {
  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onAuthResult = () => {
    book.session.backendNdx = 0;
    return Verdict.NONE;
  };
  book.logIn();
  return book;
}

Deno.test("Session parks its server, and takes it for the next command", () => {
  const pool = new Pool();
  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onAuthResult = () => {
    book.session.backendNdx = 0;
    return Verdict.NONE;
  };
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting()).say("client", login());
  book.take();
  book.say("server", OK_LOGIN);
  assertEquals(book.take(), [{ park: true }, sent("client", OK_LOGIN)]);
  assertEquals([pool.idleOf(0, "ada"), book.backends.connectedClients(0), book.session.backendNdx], [1, 0, 0]);
  assertEquals(book.session.idle, true);
  script.onQuery = () => {
    book.session.backendNdx = 1;
    return Verdict.NONE;
  };
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [{ adopt: true }, sent("server", QUERY), sent("client", RESULT)]);
  assertEquals([pool.idleOf(0, "ada"), book.backends.connectedClients(0), book.session.backendNdx], [0, 1, 1]);
});

Deno.test("Session gives a pooled connection to another client of the same user only", () => {
  const pool = new Pool();
  parked(pool);
  const script = new FakeScript();
  const book = loggedIn(script, undefined, pool);
  assertEquals(pool.take(0, "eve", CAPABILITIES, 255, ""), undefined);
  book.session.backendNdx = 1;
  assertEquals(book.take(), [{ park: true }, { adopt: true }]);
  assertEquals(pool.idleOf(0, "ada"), 1);
});

Deno.test("Session does not pool a connection with an open transaction", () => {
  const pool = new Pool();
  const script = new FakeScript();
  const book = loggedIn(script, undefined, pool);
  book.say("client", QUERY).say("server", packet("00000003000000", 1));
  book.take();
  book.session.backendNdx = 0;
  assertEquals(book.take(), [{ drop: true }]);
  assertEquals([pool.count(0), book.backends.connectedClients(0)], [0, 0]);
});

Deno.test("Session gives a new client a pooled connection, for which it has to prove who it is", () => {
  const pool = new Pool();
  parked(pool);
  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onConnect = () => {
    book.session.backendNdx = 1;
    return Verdict.IGNORE_RESULT;
  };
  book.session.open(book.now);
  const [adopt, offer] = book.take();
  assertEquals(adopt, { adopt: true });
  const { authData, connectionId } = parseHandshake(unhex("to" in offer! ? offer.bytes : "").subarray(4));
  assertEquals([authData, connectionId], [new Uint8Array(20).fill(0x41), 42]);
  book.say("client", login());
  const [change] = book.take();
  const bytes = unhex("to" in change! ? change.bytes : "");
  assertEquals([bytes[3], bytes[4]], [0, Command.COM_CHANGE_USER]);
  book.say("server", packet("00000002000000", 1));
  assertEquals(book.take(), [sent("client", OK_LOGIN)]);
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [sent("server", QUERY), sent("client", RESULT)]);
  assertEquals(script.calls, ["connect_server", "read_auth", "read_auth_result", "read_query"]);
});

Deno.test("Session connects a client anew that wants other terms than its pooled connection has", () => {
  const pool = new Pool();
  const offered = CAPABILITIES | Capability.CLIENT_FOUND_ROWS;
  const first = new FakeScript();
  const other = scripted(first, undefined, pool);
  other.session.open(other.now);
  other.session.connected(other.now);
  other.say("server", greeting(offered)).say("client", login(CAPABILITIES)).say("server", OK_LOGIN);
  other.session.backendNdx = 0;
  assertEquals(pool.idleOf(0, "ada"), 1);

  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onConnect = () => {
    book.session.backendNdx = 1;
    return Verdict.IGNORE_RESULT;
  };
  book.session.open(book.now);
  book.take();
  book.say("client", login(offered));
  assertEquals(book.take(), [{ park: true }, { connect: 0 }]);
  assertEquals(pool.idleOf(0, "ada"), 1);
  book.session.connected(book.now);
  book.say("server", greeting(offered));
  const effect = book.take().at(-1);
  const response = parseHandshakeResponse(
    unhex(effect !== undefined && "to" in effect ? effect.bytes : "").subarray(4),
  );
  if (response.kind !== "response41") throw new Error(response.kind);
  assertEquals([response.username, response.authPluginName, response.capabilities], [
    "ada",
    "mysql_proxy_ask",
    offered,
  ]);
  // The server asks with a nonce of its own, which the client answers.
  const [ask, answer, ok] = [packet("fe61006162", 2), packet("7777", 3), packet("00000002000000", 4)];
  book.say("server", ask).say("client", answer).say("server", ok);
  assertEquals(book.take(), [sent("client", ask), sent("server", answer), sent("client", ok)]);
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [sent("server", QUERY), sent("client", RESULT)]);
  assertEquals(script.calls.filter((name) => name !== "read_auth_result"), [
    "connect_server",
    "read_auth",
    "read_query",
  ]);
});

Deno.test("Session tells a client why it cannot be connected anew", () => {
  const pool = new Pool();
  parked(pool);
  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onConnect = () => {
    book.session.backendNdx = 1;
    return Verdict.IGNORE_RESULT;
  };
  book.session.open(book.now);
  book.say("client", login(CAPABILITIES & ~Capability.CLIENT_TRANSACTIONS));
  book.take();
  book.session.connectFailed("refused", book.now);
  const [, , error] = book.take();
  assertEquals([errorIn(error).sequenceId, errorIn(error).errorNumber], [2, 1105]);
  assertEquals(script.calls, ["connect_server", "read_auth", "disconnect_client"]);
});

Deno.test("Session gives a pooled connection only to clients of the address that its server was told", () => {
  const pool = new Pool();
  const first = new FakeScript();
  const here = scripted(first, undefined, pool, "192.0.2.1").logIn();
  here.session.backendNdx = 0;
  assertEquals(pool.idleOf(0, "ada"), 1);
  for (const [address, taken] of [["192.0.2.2", false], ["192.0.2.1", true]] as const) {
    const script = new FakeScript();
    const book = scripted(script, undefined, pool, address);
    script.onConnect = () => {
      book.session.backendNdx = 1;
      return Verdict.NONE;
    };
    book.session.open(book.now);
    assertEquals(book.take(), taken ? [{ adopt: true }, { park: true }, { connect: 0 }] : [{ connect: 0 }]);
    book.session.connected(book.now);
    book.say("server", greeting()).say("client", login()).say("server", OK_LOGIN).take();
    book.session.backendNdx = 1;
    assertEquals(book.take(), taken ? [{ park: true }, { adopt: true }] : []);
  }
});

Deno.test("Session gives no plain pooled connection to a client with TLS where both are to be alike", () => {
  const pool = new Pool();
  const policy: LoginPolicy = {
    ...PLAIN,
    clientTls: "preferred",
    backends: [{ tls: "as-client", socket: false, compression: [] }],
  };
  const offered = CAPABILITIES | Capability.CLIENT_SSL;
  const here = scripted(new FakeScript(), undefined, pool, "", policy);
  here.session.open(here.now);
  here.session.connected(here.now);
  here.say("server", greeting(offered)).say("client", login()).say("server", OK_LOGIN).take();
  here.session.backendNdx = 0;
  const script = new FakeScript();
  const book = scripted(script, undefined, pool, "", policy);
  script.onConnect = () => {
    book.session.backendNdx = 1;
    return Verdict.IGNORE_RESULT;
  };
  book.session.open(book.now);
  const request = encodeHandshakeResponse({
    kind: "ssl-request",
    capabilities: offered,
    maxPacketSize: 1 << 24,
    charset: 255,
  });
  book.say("client", encodePacket(request, 1)).take();
  book.session.secured("client", { kind: "secured" });
  book.say("client", encodePacket(login(offered).slice(4), 2));
  assertEquals(book.take(), [{ park: true }, { connect: 0 }]);
});

Deno.test("Session gives no pooled connection to a client whom nobody has asked for a proof", () => {
  const pool = new Pool();
  parked(pool);
  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onConnect = () => Verdict.SEND_RESULT;
  script.answer = [greeting().slice(4)];
  script.onQuery = () => {
    book.session.backendNdx = 1;
    return Verdict.NONE;
  };
  book.session.open(book.now);
  book.say("client", login()).take();
  book.say("client", QUERY);
  assertStringIncludes(errorIn(book.take()[0]).message, "no backend is attached");
  assertEquals(pool.idleOf(0, "ada"), 1);
});

Deno.test("Session puts a pooled connection back that connect_server took and did not want", () => {
  const pool = new Pool();
  parked(pool);
  const script = new FakeScript();
  const book = scripted(script, undefined, pool);
  script.onConnect = () => {
    book.session.backendNdx = 1;
    return Verdict.NONE;
  };
  book.session.open(book.now);
  assertEquals(book.take(), [{ adopt: true }, { park: true }, { connect: 0 }]);
  assertEquals(pool.idleOf(0, "ada"), 1);
});

Deno.test("Session parks its server in disconnect_client, but not in the middle of a response", () => {
  for (const busy of [false, true]) {
    const pool = new Pool();
    const script = new FakeScript();
    const book = loggedIn(script, undefined, pool);
    script.onDisconnect = () => book.session.backendNdx = 0;
    if (busy) book.say("client", QUERY).say("server", RESULT.subarray(0, 10));
    book.take();
    book.session.closed("client", book.now);
    assertEquals(book.take().slice(0, 1), [busy ? { drop: true } : { park: true }]);
    assertEquals(pool.count(0), 0);
    if (busy) continue;
    // Only as good as new.
    assertEquals(book.keeper?.heard(OK), true);
    assertEquals(pool.count(0), 0);
    assertEquals(book.keeper?.heard(OK), true);
    assertEquals(pool.count(0), 1);
    assertEquals(book.keeper?.heard(OK), false);
  }
});

Deno.test("Session takes no server for a disconnect_client that has waited", () => {
  const pool = new Pool();
  parked(pool);
  const book = loggedIn(new FakeScript(), undefined, pool);
  book.session.closed("client", book.now);
  assertEquals(book.take(), [{ close: "server" }]);
  book.session.backendNdx = 1;
  assertEquals(book.take(), []);
  assertEquals([book.session.ended, pool.count(0), book.backends.connectedClients(0)], [true, 1, 0]);
});

Deno.test("Session does not pool a connection in the middle of a response that no script looks at", () => {
  for (const busy of [false, true]) {
    const pool = new Pool();
    const script = new FakeScript();
    script.readsQueries = false;
    const book = loggedIn(script, undefined, pool);
    script.onDisconnect = () => book.session.backendNdx = 0;
    book.say("client", QUERY).say("server", busy ? RESULT.subarray(0, 10) : RESULT);
    book.take();
    book.session.closed("client", book.now);
    assertEquals(book.take().slice(0, 1), [busy ? { drop: true } : { park: true }]);
    assertEquals(script.calls, ["disconnect_client"]);
  }
});

Deno.test("Session does not pool a connection whose session cannot be reset", () => {
  const pool = new Pool();
  const script = new FakeScript();
  const book = loggedIn(script, undefined, pool);
  script.onDisconnect = () => book.session.backendNdx = 0;
  book.session.closed("client", book.now);
  const [park, reset] = book.take();
  assertEquals(park, { park: true });
  const names = command(Command.COM_QUERY, "SET NAMES utf8mb4 COLLATE utf8mb4_0900_ai_ci");
  assertEquals(reset, { parked: hex(concat(command(Command.COM_RESET_CONNECTION), names)) });
  assertEquals(book.keeper?.heard(encodePacket(DENIED, 1)), false);
  assertEquals(pool.count(0), 0);
});

Deno.test("Session gives a pooled connection to clients of the same character set only", () => {
  const pool = new Pool();
  parked(pool);
  assertEquals(pool.take(0, "ada", CAPABILITIES, 8, ""), undefined);
  assertEquals(pool.take(0, "ada", CAPABILITIES | Capability.CLIENT_FOUND_ROWS, 255, ""), undefined);
  assertEquals(pool.take(0, "ada", CAPABILITIES, 255, "")?.link.backend, 0);
});

// --- all of it, split anywhere

Deno.test("Session gives a connection whose user was changed to clients of the character set that it has since", () => {
  for (const charset of [8, 309, undefined]) {
    const pool = new Pool();
    const book = loggedIn(new FakeScript(), undefined, pool);
    const change = { username: "ada", authResponse: new Uint8Array(20), database: "", authPluginName: "x" };
    const payload = encodeChangeUser({ ...change, ...(charset === undefined ? {} : { charset }) }, CAPABILITIES);
    book.say("client", encodePacket(payload, 0)).say("server", packet("00000002000000", 1));
    book.session.backendNdx = 0;
    assertEquals(pool.take(0, "ada", CAPABILITIES, 255, ""), undefined);
    book.take();
    // The client itself has it, too.
    book.session.backendNdx = 1;
    assertEquals(book.take(), [{ adopt: true }]);
  }
});

Deno.test("Session with a script does the same however the bytes are split", () => {
  const play = (size: number) => {
    const script = new FakeScript();
    script.onQuery = (packet) => {
      script.append(1, OTHER, true);
      script.append(2, packet);
      return Verdict.SEND_QUERY;
    };
    script.onResult = ({ query }) => query.id === 1 ? Verdict.IGNORE_RESULT : Verdict.NONE;
    const book = loggedIn(script);
    const effects: Effect[] = [];
    for (const [from, bytes] of [["client", QUERY], ["server", RESULT], ["server", RESULT]] as const) {
      book.say(from, bytes, size);
      effects.push(...book.take());
    }
    return effects.filter((effect) => "to" in effect);
  };
  const whole = play(1000);
  fc.assert(fc.property(fc.integer({ min: 1, max: 80 }), (size) => assertEquals(play(size), whole)));
});

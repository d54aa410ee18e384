import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { Side } from "../../lib/core/effects.ts";
import { BackendState } from "../../lib/core/backends.ts";
import {
  Capability,
  Command,
  concat,
  encodePacket,
  parseHandshake,
  parseHandshakeResponse,
} from "../../lib/protocol/mod.ts";
import {
  CAPABILITIES,
  command,
  errorIn,
  greeting,
  hex,
  login,
  OK,
  OK_LOGIN,
  packet,
  Playbook,
  TWO_BACKENDS,
  unhex,
} from "./playbook.ts";

const QUERY = command(Command.COM_QUERY, "SELECT 1");
const COLUMN = "03646566000000013100" + "0c3f0002000000088100000000";
const RESULT = concat(
  packet("01", 1),
  packet(COLUMN, 2),
  packet("fe00000200", 3),
  packet("0131", 4),
  packet("fe00000200", 5),
);

function sent(to: Side, ...parts: Uint8Array[]): { to: Side; bytes: string } {
  return { to, bytes: hex(concat(...parts)) };
}

Deno.test("Session goes through the states of a login and a query", () => {
  const book = new Playbook();
  const states = [book.session.state];
  const see = () => states.push(book.session.state);
  book.session.open(book.now);
  see();
  book.session.connected(book.now);
  see();
  book.say("server", greeting());
  see();
  book.say("client", login());
  see();
  book.say("server", OK_LOGIN);
  see();
  book.say("client", QUERY);
  see();
  book.say("server", RESULT.subarray(0, 20));
  see();
  book.say("server", RESULT.subarray(20));
  see();
  assertEquals(states, [
    "INIT",
    "CONNECT_SERVER",
    "READ_HANDSHAKE",
    "READ_AUTH",
    "READ_AUTH_RESULT",
    "READ_QUERY",
    "READ_QUERY_RESULT",
    "READ_QUERY_RESULT",
    "READ_QUERY",
  ]);
  assertEquals([book.session.username, book.session.threadId], ["ada", 42]);
});

Deno.test("Session forwards login, command and response unchanged", () => {
  const book = new Playbook();
  book.session.open(book.now);
  assertEquals(book.take(), [{ connect: 0 }]);
  book.session.connected(book.now);
  assertEquals(book.take(), [{ backend: 0, up: true }]);
  book.say("server", greeting()).say("client", login()).say("server", OK_LOGIN);
  assertEquals(book.take(), [sent("client", greeting()), sent("server", login()), sent("client", OK_LOGIN)]);
  book.say("client", QUERY).say("server", RESULT);
  assertEquals(book.take(), [sent("server", QUERY), sent("client", RESULT)]);
  assertEquals([book.session.idle, book.session.responses], [true, 1]);
});

Deno.test("Session takes exactly TLS and compression out of both offers", () => {
  const hidden = Capability.CLIENT_SSL | Capability.CLIENT_COMPRESS | Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  const mariadb = (0xffffffffn & ~Capability.CLIENT_LONG_PASSWORD) | Capability.MARIADB_CLIENT_PROGRESS |
    Capability.MARIADB_CLIENT_CACHE_METADATA | Capability.MARIADB_CLIENT_BULK_UNIT_RESULTS;
  for (const capabilities of [0xffffffffn, mariadb]) {
    const book = new Playbook();
    book.session.open(book.now);
    book.session.connected(book.now);
    book.take();
    book.say("server", greeting(capabilities));
    const [offer] = book.take();
    const offered = unhex((offer as { bytes: string }).bytes);
    assertEquals(parseHandshake(offered.subarray(4)).capabilities, capabilities & ~hidden);
    assertEquals(offered.length, greeting(capabilities).length);

    // A client that sets a flag although it was not offered.
    const wanted = CAPABILITIES | Capability.CLIENT_SSL | Capability.CLIENT_FOUND_ROWS;
    book.say("client", login(wanted));
    const [answer] = book.take();
    const response = parseHandshakeResponse(unhex((answer as { bytes: string }).bytes).subarray(4));
    assertEquals(response.kind === "response41" && response.capabilities, wanted & ~hidden);
  }
});

Deno.test("Session refuses a client that will compress although that was not offered", () => {
  for (const flag of [Capability.CLIENT_COMPRESS, Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM]) {
    const book = new Playbook();
    book.session.open(book.now);
    book.session.connected(book.now);
    book.say("server", greeting());
    book.take();
    book.say("client", login(CAPABILITIES | flag));
    const effects = book.take();
    assertStringIncludes(errorIn(effects[0]).message, "compression was asked for but not offered");
    assertEquals([errorIn(effects[0]).sequenceId, ...effects.slice(1)], [2, { close: "client" }, { close: "server" }]);
  }
});

Deno.test("Session lets the server speak again after a fast caching_sha2 login", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting()).say("client", login()).say("server", packet("0103", 2));
  assertEquals(book.session.state, "READ_AUTH_RESULT");
  book.say("server", packet("00000002000000", 3));
  assertEquals(book.session.state, "READ_QUERY");
});

Deno.test("Session relays a full caching_sha2 login by RSA and a switch of plugin", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting()).say("client", login());
  book.take();
  const steps: [Side, Uint8Array][] = [
    ["server", packet("fe63616368696e675f736861325f70617373776f726400" + "41".repeat(20) + "00", 2)],
    ["client", packet("07".repeat(32), 3)],
    ["server", packet("0104", 4)],
    ["client", packet("02", 5)],
    ["server", packet("012d2d2d2d2d", 6)],
    ["client", packet("ab".repeat(256), 7)],
    ["server", packet("00000002000000", 8)],
  ];
  for (const [side, bytes] of steps) {
    book.say(side, bytes);
    assertEquals(book.take(), [sent(side === "client" ? "server" : "client", bytes)]);
  }
  assertEquals(book.session.state, "READ_QUERY");
});

Deno.test("Session closes after a refused login and never takes a command", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting()).say("client", login());
  book.take();
  const refusal = packet("ff15042332383030304163636573732064656e696564", 2);
  book.say("server", refusal);
  assertEquals(book.take(), [sent("client", refusal), { close: "client" }, { close: "server" }]);
  book.say("client", QUERY);
  assertEquals(book.take(), []);
  assertEquals([book.session.state, book.session.ended], ["CLOSE_CLIENT", true]);
});

Deno.test("Session hands an ERR instead of a greeting on", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.session.connected(book.now);
  book.take();
  const tooMany = packet("ff1004546f6f206d616e7920636f6e6e656374696f6e73", 0);
  book.say("server", tooMany);
  assertEquals(book.take(), [sent("client", tooMany), { close: "client" }, { close: "server" }]);
});

Deno.test("Session tries each backend once and then says that all are down", () => {
  const book = new Playbook(TWO_BACKENDS);
  book.session.open(book.now);
  assertEquals(book.take(), [{ connect: 0 }]);
  book.session.connectFailed("refused", book.now);
  assertEquals(book.take(), [{ drop: true }, { backend: 0, up: false }, { connect: 1 }]);
  book.session.connectFailed("refused", book.now);
  const effects = book.take();
  assertEquals(effects.slice(0, 2), [{ drop: true }, { backend: 1, up: false }]);
  assertEquals(errorIn(effects[2]), { sequenceId: 0, errorNumber: 1105, message: "(proxy) all backends are down" });
  assertEquals(effects.slice(3), [{ close: "client" }]);
  assertEquals([0, 1].map((index) => book.backends.connectedClients(index)), [0, 0]);
});

Deno.test("Session takes the next backend when one closes before it greets, or is silent, or talks nonsense", () => {
  const mishaps: ((book: Playbook) => void)[] = [
    (book) => book.session.closed("server", book.now),
    (book) => book.session.timedOut(10, book.now),
    (book) => book.say("server", new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n")),
    (book) => book.say("server", packet("09352e3000", 0)),
  ];
  for (const mishap of mishaps) {
    const book = new Playbook(TWO_BACKENDS);
    book.session.open(book.now);
    book.session.connected(book.now);
    book.take();
    mishap(book);
    assertEquals(book.take(), [{ drop: true }, { backend: 0, up: false }, { connect: 1 }]);
    assertEquals(book.backends.state(0), BackendState.DOWN);
    book.session.connected(book.now);
    book.say("server", greeting());
    assertEquals(book.session.state, "READ_AUTH");
  }
});

Deno.test("Session refuses what it cannot speak with an ERR and closes both sides", () => {
  const sslRequest = packet("018aa30000000001ff" + "00".repeat(23), 1);
  const old = packet("8524" + "000000" + "6164610041424344454647", 1);
  const cases: [Uint8Array, number][] = [
    [sslRequest, 2026],
    [old, 2007],
    [packet("00", 1), 1043],
    [new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), 1043],
  ];
  for (const [bytes, errorNumber] of cases) {
    const book = new Playbook();
    book.session.open(book.now);
    book.session.connected(book.now);
    book.say("server", greeting());
    book.take();
    book.say("client", bytes);
    const effects = book.take();
    assertEquals(errorIn(effects[0]).errorNumber, errorNumber);
    assertEquals(effects.slice(1), [{ close: "client" }, { close: "server" }]);
  }
});

Deno.test("Session refuses a client that speaks before the greeting", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.take();
  book.say("client", login());
  const effects = book.take();
  assertEquals(errorIn(effects[0]).errorNumber, 1043);
  assertEquals(effects.slice(1), [{ close: "client" }, { drop: true }]);
  assertEquals(book.backends.connectedClients(0), 0);
});

Deno.test("Session closes the client cleanly when the server leaves an idle connection", () => {
  const book = new Playbook().logIn();
  book.session.closed("server", book.now);
  assertEquals(book.take(), [{ close: "server" }, { close: "client" }]);
  assertEquals(book.backends.connectedClients(0), 0);
});

Deno.test("Session answers a command whose server has died with an ERR in sequence", () => {
  const book = new Playbook().logIn();
  book.say("client", QUERY);
  book.take();
  book.session.closed("server", book.now, "connection reset");
  let effects = book.take();
  assertEquals(effects[0], { close: "server" });
  assertEquals(errorIn(effects[1]), {
    sequenceId: 1,
    errorNumber: 2013,
    message: "(proxy) lost connection to backend 10.0.0.1:3306 during query",
  });
  assertEquals(effects[2], { close: "client" });

  const rows = new Playbook().logIn();
  rows.say("client", QUERY).say("server", RESULT.subarray(0, RESULT.length - 9));
  rows.take();
  rows.session.closed("server", rows.now);
  effects = rows.take();
  assertEquals(errorIn(effects[1]).sequenceId, 5);
});

Deno.test("Session tells of a server that dies while the client answers its login's question, behind the answer", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.session.connected(book.now);
  const question = packet("fe" + hex(new TextEncoder().encode("mysql_native_password\0" + "A".repeat(20) + "\0")), 2);
  book.say("server", greeting()).say("client", login()).say("server", question);
  book.take();
  book.session.closed("server", book.now);
  assertEquals(book.take(), [{ close: "server" }]);
  book.say("client", packet(new Uint8Array(20).fill(7), 3));
  const effects = book.take();
  assertEquals(errorIn(effects[0]), {
    sequenceId: 4,
    errorNumber: 2013,
    message: "(proxy) lost connection to backend 10.0.0.1:3306 during login",
  });
  assertEquals(effects.slice(1), [{ close: "client" }]);
  assertEquals(book.backends.connectedClients(0), 0);
});

Deno.test("Session closes the client without a word when the server leaves after a refused change of user", () => {
  const refused = () => {
    const book = new Playbook().logIn();
    book.say("client", command(Command.COM_CHANGE_USER, "nobody\0\0\0"));
    book.say("server", packet("ff15042332383030304e6f", 1)).say("client", QUERY);
    book.take();
    return book;
  };
  const book = refused();
  book.session.closed("server", book.now);
  assertEquals(book.take(), [{ close: "server" }, { close: "client" }]);
  assertEquals(book.backends.connectedClients(0), 0);

  // One that stays, as MariaDB does, and dies later.
  const later = refused().say("server", RESULT).say("client", QUERY);
  later.take();
  later.session.closed("server", later.now);
  assertEquals(errorIn(later.take()[1]).errorNumber, 2013);
  const midway = refused().say("server", RESULT.subarray(0, RESULT.length - 9));
  midway.take();
  midway.session.closed("server", midway.now);
  assertEquals(errorIn(midway.take()[1]).errorNumber, 2013);
});

Deno.test("Session counts rows of a cursor when it answers for a dead server", () => {
  const book = new Playbook().logIn();
  book.say("client", command(Command.COM_STMT_FETCH, "12345678"));
  book.say("server", concat(packet("000001000000", 1), packet("000002000000", 2)));
  book.take();
  book.session.closed("server", book.now);
  assertEquals(errorIn(book.take()[1]).sequenceId, 3);
});

Deno.test("Session sends no ERR into the middle of a packet", () => {
  const book = new Playbook().logIn();
  book.say("client", QUERY).say("server", RESULT.subarray(0, RESULT.length - 3));
  book.take();
  book.session.closed("server", book.now);
  assertEquals(book.take(), [{ close: "server" }, { close: "client" }]);
});

Deno.test("Session closes the server when the client leaves, whatever the state", () => {
  const stages: ((book: Playbook) => void)[] = [
    (book) => book.session.open(book.now),
    (book) => book.session.connected(book.now),
    (book) => book.say("server", greeting()),
    (book) => book.say("client", login()),
    (book) => book.say("server", OK_LOGIN),
    (book) => book.say("client", QUERY),
    (book) => book.say("server", RESULT.subarray(0, 9)),
  ];
  for (let count = 1; count <= stages.length; count++) {
    const book = new Playbook();
    for (const stage of stages.slice(0, count)) stage(book);
    book.take();
    book.session.closed("client", book.now);
    assertEquals(book.take(), [count === 1 ? { drop: true } : { close: "server" }]);
    assertEquals([book.session.ended, book.backends.connectedClients(0)], [true, 0]);
  }
});

Deno.test("Session waits for the server to close after COM_QUIT", () => {
  const book = new Playbook().logIn();
  const quit = command(Command.COM_QUIT);
  book.say("client", quit);
  assertEquals(book.take(), [sent("server", quit)]);
  assertEquals(book.session.state, "CLOSE_SERVER");
  book.session.closed("server", book.now);
  assertEquals(book.take(), [{ close: "server" }, { close: "client" }]);
});

Deno.test("Session keeps count of pipelined commands", () => {
  const book = new Playbook().logIn();
  book.say("client", concat(QUERY, command(Command.COM_PING), command(Command.COM_STMT_CLOSE, "abcd")));
  assertEquals(book.session.state, "READ_QUERY_RESULT");
  book.say("server", RESULT);
  assertEquals([book.session.state, book.session.idle], ["READ_QUERY_RESULT", false]);
  book.say("server", OK);
  assertEquals([book.session.idle, book.session.responses], [true, 2]);
});

Deno.test("Session is not idle while the client is still sending a command", () => {
  const book = new Playbook().logIn();
  book.say("client", QUERY.subarray(0, 6));
  assertEquals([book.session.state, book.session.idle, book.session.uploading], ["READ_QUERY", false, true]);
  book.say("client", QUERY.subarray(6)).say("server", OK);
  assertEquals(book.session.idle, true);
});

Deno.test("Session follows a local file, also when the server fails half-way", () => {
  const request = packet("fb2f746d702f78", 1);
  const failure = packet("ff8b04233233303030", 4);
  const book = new Playbook().logIn();
  book.say("client", QUERY).say("server", request);
  assertEquals([book.session.state, book.session.waitsFor], ["READ_LOCAL_INFILE_DATA", "client"]);
  book.say("client", packet("01020304", 2));
  assertEquals(book.session.state, "READ_LOCAL_INFILE_DATA");
  book.say("client", packet("", 3));
  assertEquals(book.session.state, "READ_LOCAL_INFILE_RESULT");
  book.say("server", failure);
  assertEquals([book.session.state, book.session.idle], ["READ_QUERY", true]);

  // A server that does not wait for the end of the file.
  const early = new Playbook().logIn();
  early.say("client", QUERY).say("server", request).say("client", packet("01020304", 2)).say("server", failure);
  assertEquals([early.session.state, early.session.idle], ["READ_LOCAL_INFILE_DATA", false]);
  early.say("client", packet("03", 3)).say("client", packet("", 4));
  assertEquals([early.session.state, early.session.idle], ["READ_QUERY", true]);
});

Deno.test("Session takes the client's packets for data while a user is changed or a binlog is sent", () => {
  const book = new Playbook().logIn();
  book.say("client", command(Command.COM_CHANGE_USER, "bob"));
  book.say("server", packet("fe6d7973716c5f6e61746976655f70617373776f726400", 1));
  book.say("client", packet("0e", 2)).say("server", packet("00000002000000", 3));
  assertEquals([book.session.idle, book.session.responses], [true, 1]);

  book.say("client", command(Command.COM_BINLOG_DUMP, "xxxx")).say("server", packet("0001020304", 1));
  book.say("client", packet("ef01", 0));
  assertEquals([book.session.idle, book.session.state], [false, "READ_QUERY_RESULT"]);
});

Deno.test("Session stops at once when idle, with a COM_QUIT for the server", () => {
  const book = new Playbook().logIn();
  book.session.stop();
  assertEquals(book.take(), [sent("server", command(Command.COM_QUIT)), { close: "client" }, { close: "server" }]);
});

Deno.test("Session stops after the response when a query is running", () => {
  const book = new Playbook().logIn();
  book.say("client", QUERY);
  book.take();
  book.session.stop();
  assertEquals(book.take(), []);
  book.say("server", RESULT);
  assertEquals(book.take(), [
    sent("client", RESULT),
    sent("server", command(Command.COM_QUIT)),
    { close: "client" },
    { close: "server" },
  ]);
});

Deno.test("Session does not wait for the end of a replica's stream", () => {
  const book = new Playbook().logIn();
  book.say("client", command(Command.COM_BINLOG_DUMP, "xxxx")).say("server", packet("0001020304", 1));
  book.take();
  book.session.stop();
  const effects = book.take();
  assertEquals([errorIn(effects[0]).errorNumber, errorIn(effects[0]).sequenceId], [1053, 2]);
  assertEquals(effects.slice(1), [{ close: "client" }, { close: "server" }]);
});

Deno.test("Session is cut off with an ERR, in whatever state it is", () => {
  const querying = new Playbook().logIn();
  querying.say("client", QUERY);
  querying.take();
  querying.session.cutOff();
  assertEquals(errorIn(querying.take()[0]).errorNumber, 1053);

  const quitting = new Playbook().logIn();
  quitting.say("client", command(Command.COM_QUIT));
  quitting.take();
  quitting.session.cutOff();
  assertEquals(quitting.take(), [{ close: "client" }, { close: "server" }]);

  const fresh = new Playbook();
  fresh.session.open(fresh.now);
  fresh.take();
  fresh.session.cutOff();
  assertEquals(errorIn(fresh.take()[0]).errorNumber, 1053);
});

Deno.test("Session says why it closes a connection that was silent for too long", () => {
  const idle = new Playbook().logIn();
  idle.session.timedOut(60, idle.now);
  let error = errorIn(idle.take()[0]);
  assertEquals([error.sequenceId, error.errorNumber], [0, 4031]);
  assertStringIncludes(error.message, "--proxy-read-timeout");

  const waiting = new Playbook().logIn();
  waiting.say("client", QUERY);
  waiting.take();
  waiting.session.timedOut(60, waiting.now);
  error = errorIn(waiting.take()[0]);
  assertEquals([error.sequenceId, error.errorNumber], [1, 1105]);
});

Deno.test("Session refuses a login packet without end", () => {
  const book = new Playbook();
  book.session.open(book.now);
  book.session.connected(book.now);
  book.say("server", greeting());
  book.take();
  book.say("client", Uint8Array.of(0xff, 0xff, 0xff, 1, 0));
  assertEquals(errorIn(book.take()[0]).errorNumber, 1043);
});

Deno.test("Session is counted at its backend before it is connected, so that a burst spreads", () => {
  const book = new Playbook(TWO_BACKENDS);
  book.session.open(book.now);
  assertEquals(book.backends.choose(book.now), 1);
});

Deno.test("Session has the same effects however the bytes are split", () => {
  const play: [Side, Uint8Array][] = [
    ["server", greeting()],
    ["client", login()],
    ["server", packet("0103", 2)],
    ["server", packet("00000002000000", 3)],
    ["client", concat(QUERY, command(Command.COM_PING))],
    ["server", concat(RESULT, OK)],
    ["client", command(Command.COM_QUERY, "LOAD DATA LOCAL INFILE '/tmp/x' INTO TABLE t")],
    ["server", packet("fb2f746d702f78", 1)],
    ["client", concat(packet("313233", 2), packet("", 3))],
    ["server", packet("00000002000000", 4)],
    ["client", command(Command.COM_STMT_PREPARE, "SELECT ?")],
    ["server", concat(packet("000200000001000100000000", 1), packet(COLUMN, 2), packet("fe00000200", 3))],
    ["server", concat(packet(COLUMN, 4), packet("fe00000200", 5))],
    ["client", encodePacket(new Uint8Array(40).fill(Command.COM_STMT_CLOSE), 0)],
    ["client", command(Command.COM_QUIT)],
  ];
  const perform = (sizes: readonly number[]) => {
    const book = new Playbook();
    book.session.open(book.now);
    book.session.connected(book.now);
    for (const [index, [side, bytes]] of play.entries()) book.say(side, bytes, sizes[index % sizes.length]);
    const { state, responses } = book.session;
    book.session.closed("client", book.now);
    return { effects: book.take(), state, responses };
  };
  const whole = perform([Number.MAX_SAFE_INTEGER]);
  assertEquals([whole.state, whole.responses], ["CLOSE_SERVER", 4]);
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 15 }), (sizes) => {
    assertEquals(perform(sizes), whole);
  }));
});

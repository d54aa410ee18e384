import { assertEquals, assertMatch } from "@std/assert";
import { makePasswordKeys } from "../../lib/net/password_keys.ts";
import type { BackendPolicy, LoginPolicy } from "../../lib/core/login_policy.ts";
import {
  Capability,
  CompressedChannel,
  concat,
  decryptPassword,
  encodeAuthNextFactor,
  encodeAuthSwitchRequest,
  encodeHandshakeResponse,
  encodePacket,
  encodeText,
  encryptPassword,
  hasCapability,
  parseHandshake,
  parseHandshakeResponse,
} from "../../lib/protocol/mod.ts";
import {
  CAPABILITIES,
  command,
  type Effect,
  errorIn,
  greeting,
  hex,
  ONE_BACKEND,
  packet,
  PLAIN,
  Playbook,
  unhex,
} from "./playbook.ts";

const PROXY_KEYS = await makePasswordKeys();
const SERVER_KEYS = await makePasswordKeys();
const PASSWORD = encodeText("swordfish\0");
/** What the greeting of the playbook's server has, and what the servers below switch to. */
const NONCE = new Uint8Array(20).fill(0x41);
const SSL = Capability.CLIENT_SSL;

type Hop = "plain" | "tls" | "socket";

function policy(server: Hop, changes: Partial<LoginPolicy> = {}, backend: Partial<BackendPolicy> = {}): LoginPolicy {
  return {
    clientTls: "preferred",
    clientCompression: [],
    passwordKeys: PROXY_KEYS,
    backends: [{
      tls: server === "tls" ? "required" : "disabled",
      socket: server === "socket",
      compression: [],
      ...backend,
    }],
    ...changes,
  };
}

function responseOf(plugin: string, authResponse: Uint8Array, capabilities = CAPABILITIES): Uint8Array {
  return encodeHandshakeResponse({
    kind: "response41",
    capabilities,
    maxPacketSize: 1 << 24,
    charset: 255,
    username: "ada",
    authResponse,
    authPluginName: plugin,
    zstdLevel: 7,
  });
}

/** A login in which each side is reached in its way; packets without sequence ids, which are checked here. */
class Play {
  readonly book: Playbook;
  readonly #next = { client: 0, server: 0 };

  constructor(
    readonly client: Hop,
    readonly server: Hop,
    terms: LoginPolicy = policy(server),
    offered: bigint = CAPABILITIES | SSL,
  ) {
    this.book = new Playbook(ONE_BACKEND, terms, client === "socket");
    const { session } = this.book;
    session.open(1);
    session.connected(1);
    this.book.take();
    this.serverSays(greeting(offered).subarray(4));
  }

  /** The payloads that have gone to a side since the last call, after a check of their sequence ids. */
  sent(to: "client" | "server"): Uint8Array[] {
    return this.#packets(to, this.book.take());
  }

  #packets(to: "client" | "server", effects: readonly Effect[]): Uint8Array[] {
    const payloads: Uint8Array[] = [];
    for (const effect of effects) {
      if (!("to" in effect)) continue;
      assertEquals(effect.to, to, `to the wrong side: ${JSON.stringify(effect)}`);
      const bytes = unhex(effect.bytes);
      for (let at = 0; at < bytes.length;) {
        const length = bytes[at]! | bytes[at + 1]! << 8;
        assertEquals(bytes[at + 3], this.#next[to]++, `sequence id to the ${to}`);
        payloads.push(bytes.slice(at + 4, at + 4 + length));
        at += 4 + length;
      }
    }
    return payloads;
  }

  clientSays(payload: Uint8Array): this {
    this.book.say("client", encodePacket(payload, this.#next.client++));
    return this;
  }

  serverSays(payload: Uint8Array | string): this {
    const bytes = typeof payload === "string" ? unhex(payload) : payload;
    this.book.say("server", encodePacket(bytes, this.#next.server++));
    return this;
  }

  /** From the greeting up to the login packet at the server, which is returned. */
  logIn(plugin: string, authResponse: Uint8Array): Uint8Array {
    this.sent("client");
    this.startClientTls();
    this.clientSays(responseOf(plugin, authResponse));
    return this.atServer();
  }

  startClientTls(): void {
    if (this.client !== "tls") return;
    const request = responseOf("", new Uint8Array()).slice(0, 32);
    request[1]! |= 0x08;
    this.clientSays(request);
    assertEquals(this.book.take(), [{ secure: "client", first: "" }]);
    this.book.session.secured("client", { kind: "secured" });
  }

  /** The login packet that the server gets, inside of TLS if that is its hop. */
  atServer(): Uint8Array {
    if (this.server !== "tls") return this.sent("server")[0]!;
    const effects = this.book.take();
    const [request] = this.#packets("server", effects);
    const parsed = parseHandshakeResponse(request!);
    assertEquals(parsed.kind, "ssl-request");
    assertEquals(hasCapability(parsed.capabilities, SSL), true);
    assertEquals(effects.at(-1), { secure: "server", first: "" });
    this.book.session.secured("server", { kind: "secured" });
    return this.sent("server")[0]!;
  }

  /** The server's OK ends it. */
  end(): void {
    this.serverSays("00000002000000");
    assertEquals(this.sent("client").map(hex), ["00000002000000"]);
    assertEquals(this.book.session.state, "READ_QUERY");
    this.book.say("client", command(3, "SELECT 1"));
    assertEquals(this.book.take(), [{ to: "server", bytes: hex(command(3, "SELECT 1")) }]);
  }
}

const HOPS: readonly Hop[] = ["plain", "tls", "socket"];

/** Plays the part of a client that has to prove its password in full, over its hop. */
function clientProves(play: Play, request: number, hides: boolean, serverKey: string): void {
  if (hides) {
    play.clientSays(PASSWORD);
    return;
  }
  play.clientSays(Uint8Array.of(request));
  let [key] = play.sent(play.server === "plain" || (play.server === "socket" && request === 1) ? "server" : "client");
  if (key?.length === 1) {
    play.serverSays(concat(Uint8Array.of(1), encodeText(serverKey)));
    [key] = play.sent("client");
  }
  assertEquals(key![0], 1);
  play.clientSays(encryptPassword(PASSWORD, NONCE, new TextDecoder().decode(key!.subarray(1))));
}

/** Plays the part of a server that wants the password in full; checks that it gets it as it expects it over its hop. */
function serverChecks(play: Play, request: number, hides: boolean): void {
  let [proof] = play.sent("server");
  if (!hides && proof?.length === 1 && proof[0] === request) {
    play.serverSays(concat(Uint8Array.of(1), encodeText(SERVER_KEYS.publicKey)));
    [proof] = play.sent("server");
  }
  const password = hides ? proof : decryptPassword(proof!, NONCE, SERVER_KEYS.privateKey);
  assertEquals(password, PASSWORD);
}

for (const client of HOPS) {
  for (const server of HOPS) {
    Deno.test(`Login of caching_sha2_password, in full: client by ${client}, server by ${server}`, () => {
      for (const switched of [false, true]) {
        const play = new Play(client, server);
        const response = play.logIn(switched ? "mysql_native_password" : "caching_sha2_password", new Uint8Array(20));
        const parsed = parseHandshakeResponse(response);
        assertEquals(hasCapability(parsed.capabilities, SSL), server === "tls");
        if (switched) {
          const data = concat(NONCE, Uint8Array.of(0));
          const request = encodeAuthSwitchRequest({ kind: "plugin", pluginName: "caching_sha2_password", data });
          assertEquals(play.serverSays(request).sent("client").map(hex), [hex(request)]);
          play.clientSays(new Uint8Array(32));
          assertEquals(play.sent("server").map((payload) => payload.length), [32]);
        }
        assertEquals(play.serverSays("0104").sent("client").map(hex), ["0104"]);
        clientProves(play, 2, client !== "plain", SERVER_KEYS.publicKey);
        serverChecks(play, 2, server !== "plain");
        play.end();
      }
    });

    Deno.test(`Login of caching_sha2_password, from the cache: client by ${client}, server by ${server}`, () => {
      const play = new Play(client, server);
      play.logIn("caching_sha2_password", new Uint8Array(32));
      assertEquals(play.serverSays("0103").sent("client").map(hex), ["0103"]);
      play.end();
    });

    Deno.test(`Login of sha256_password after a switch: client by ${client}, server by ${server}`, () => {
      const play = new Play(client, server);
      play.logIn("caching_sha2_password", new Uint8Array(32));
      const data = concat(NONCE, Uint8Array.of(0));
      play.serverSays(encodeAuthSwitchRequest({ kind: "plugin", pluginName: "sha256_password", data })).sent("client");
      clientProves(play, 1, client === "tls", SERVER_KEYS.publicKey);
      serverChecks(play, 1, server === "tls");
      play.end();
    });

    Deno.test(`Login of an empty sha256_password: client by ${client}, server by ${server}`, () => {
      const play = new Play(client, server);
      const response = parseHandshakeResponse(play.logIn("sha256_password", Uint8Array.of(0)));
      assertEquals(response.kind === "response41" && response.authResponse, Uint8Array.of(0));
      play.end();
    });
  }
}

Deno.test("Login of sha256_password with the first packet: the password is translated before it is passed on", () => {
  // Client plain, server TLS: the client asks for a key before the server has heard of it.
  let play = new Play("plain", "tls");
  play.sent("client");
  play.clientSays(responseOf("sha256_password", Uint8Array.of(1)));
  const [key] = play.sent("client");
  play.clientSays(encryptPassword(PASSWORD, NONCE, new TextDecoder().decode(key!.subarray(1))));
  let response = parseHandshakeResponse(play.atServer());
  assertEquals(response.kind === "response41" && response.authResponse, PASSWORD);
  play.end();

  // Client TLS, server plain: the password stays here until the server has shown its key.
  play = new Play("tls", "plain");
  response = parseHandshakeResponse(play.logIn("sha256_password", PASSWORD));
  assertEquals(response.kind === "response41" && response.authResponse, Uint8Array.of(1));
  play.serverSays(concat(Uint8Array.of(1), encodeText(SERVER_KEYS.publicKey)));
  assertEquals(decryptPassword(play.sent("server")[0]!, NONCE, SERVER_KEYS.privateKey), PASSWORD);
  play.end();
});

Deno.test("Login: a password that was encrypted with another key than the proxy's is refused with the reason", () => {
  const play = new Play("plain", "tls");
  play.logIn("caching_sha2_password", new Uint8Array(32));
  play.serverSays("0104").sent("client");
  play.clientSays(encryptPassword(PASSWORD, NONCE, SERVER_KEYS.publicKey));
  const [error] = play.book.take();
  assertEquals(errorIn(error).errorNumber, 1045);
  assertMatch(errorIn(error).message, /another key/);
});

Deno.test("Login: mysql_clear_password goes over TLS and Unix sockets only", () => {
  for (const client of HOPS) {
    for (const server of HOPS) {
      for (const first of [true, false]) {
        const play = new Play(client, server);
        play.sent("client");
        play.startClientTls();
        play.clientSays(responseOf(first ? "mysql_clear_password" : "caching_sha2_password", PASSWORD));
        const hidden = client !== "plain" && server !== "plain";
        if (first && !hidden) {
          assertEquals(errorIn(play.book.take()[0]).errorNumber, 3159);
          continue;
        }
        play.atServer();
        if (!first) {
          play.serverSays(
            encodeAuthSwitchRequest({ kind: "plugin", pluginName: "mysql_clear_password", data: new Uint8Array() }),
          );
          if (!hidden) {
            assertEquals(errorIn(play.book.take()[0]).errorNumber, 3159);
            continue;
          }
          assertEquals(play.sent("client").length, 1);
          play.clientSays(PASSWORD);
          assertEquals(play.sent("server"), [PASSWORD]);
        }
        play.end();
      }
    }
  }
});

Deno.test("Login with several factors: each plugin in its turn, unknown ones byte by byte", () => {
  const play = new Play("tls", "tls");
  play.logIn("caching_sha2_password", new Uint8Array(32));
  play.serverSays("0103").sent("client");
  const factor = encodeAuthNextFactor({ pluginName: "authentication_webauthn_client", data: unhex("01ff0204") });
  assertEquals(play.serverSays(factor).sent("client"), [factor]);
  play.clientSays(unhex("02"));
  assertEquals(play.sent("server").map(hex), ["02"]);
  assertEquals(play.serverSays("01020304").sent("client").map(hex), ["01020304"]);
  play.clientSays(new Uint8Array());
  assertEquals(play.sent("server"), [new Uint8Array()]);
  play.end();
});

Deno.test("Login of MariaDB's dialog and parsec: as many rounds as they want", () => {
  for (const plugin of ["dialog", "parsec", "client_ed25519"]) {
    const play = new Play("tls", "plain");
    play.logIn("mysql_native_password", new Uint8Array(20));
    const request = encodeAuthSwitchRequest({ kind: "plugin", pluginName: plugin, data: encodeText("\x04Password:") });
    assertEquals(play.serverSays(request).sent("client"), [request]);
    for (let round = 0; round < 3; round++) {
      play.clientSays(encodeText(`answer ${round}`));
      assertEquals(play.sent("server"), [encodeText(`answer ${round}`)]);
      assertEquals(play.serverSays("0502").sent("client").map(hex), ["0502"]);
    }
    play.clientSays(encodeText("last"));
    assertEquals(play.sent("server").length, 1);
    play.end();
  }
});

Deno.test("Login hands what follows the request for TLS to TLS, in whatever pieces it comes", () => {
  const request = responseOf("", new Uint8Array()).slice(0, 32);
  request[1]! |= 0x08;
  const bytes = concat(encodePacket(request, 1), unhex("16030100ff01"));
  for (let size = 1; size <= bytes.length; size++) {
    const play = new Play("tls", "plain");
    play.sent("client");
    let first = "";
    for (let at = 0; at < bytes.length; at += size) {
      if (play.book.session.state === "SECURE_CLIENT") {
        // From here on the adapter gives TLS what comes.
        first += hex(bytes.subarray(at, at + size));
        continue;
      }
      play.book.say("client", bytes.subarray(at, at + size));
      for (const effect of play.book.take()) if ("secure" in effect) first += effect.first;
    }
    assertEquals(first, "16030100ff01");
  }
});

Deno.test("Login offers TLS and compression as the policy has it, whatever the server offers", () => {
  const zlib = Capability.CLIENT_COMPRESS;
  const zstd = Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  const offered = (terms: LoginPolicy, server: bigint) => {
    const play = new Play("plain", "plain", terms, server);
    return parseHandshake(play.sent("client")[0]!).capabilities & (SSL | zlib | zstd);
  };
  assertEquals(offered(PLAIN, CAPABILITIES | SSL | zlib | zstd), 0n);
  assertEquals(offered(policy("plain"), CAPABILITIES), SSL);
  assertEquals(offered(policy("plain", { clientCompression: ["zlib", "zstd"] }), CAPABILITIES), SSL | zlib | zstd);
});

Deno.test("Login: TLS towards the server follows the mode, the offer, and the client", () => {
  const cases: [Partial<BackendPolicy>, boolean, Hop, "tls" | "plain" | number][] = [
    [{ tls: "disabled" }, true, "tls", "plain"],
    [{ tls: "preferred" }, true, "plain", "tls"],
    [{ tls: "preferred" }, false, "tls", "plain"],
    [{ tls: "preferred", socket: true }, true, "tls", "plain"],
    [{ tls: "required" }, true, "plain", "tls"],
    [{ tls: "required", socket: true }, true, "plain", "tls"],
    [{ tls: "required" }, false, "plain", 2026],
    [{ tls: "as-client" }, true, "plain", "plain"],
    [{ tls: "as-client" }, true, "tls", "tls"],
    [{ tls: "as-client" }, false, "plain", "plain"],
    [{ tls: "as-client" }, false, "tls", 2026],
  ];
  for (const [backend, offers, client, expected] of cases) {
    const play = new Play(client, "plain", policy("plain", {}, backend), offers ? CAPABILITIES | SSL : CAPABILITIES);
    play.sent("client");
    play.startClientTls();
    play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32)));
    const effects = play.book.take();
    const got = effects.some((effect) => "secure" in effect) ? "tls" : "plain";
    if (typeof expected === "number") assertEquals(errorIn(effects[0]).errorNumber, expected);
    else assertEquals(got, expected, JSON.stringify([backend, offers, client]));
  }
});

Deno.test("Login refuses a client without TLS where it is required, but not one on a Unix socket", () => {
  for (const client of HOPS) {
    const play = new Play(client, "plain", policy("plain", { clientTls: "required" }));
    play.sent("client");
    play.startClientTls();
    play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32)));
    if (client === "plain") assertEquals(errorIn(play.book.take()[0]).errorNumber, 3159);
    else assertEquals(play.sent("server").length, 1);
  }
});

Deno.test("Login: TLS that fails ends in an ERR where the client can take one", () => {
  let play = new Play("plain", "tls");
  play.sent("client");
  play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32)));
  play.book.take();
  play.book.session.secured("server", { kind: "distrusted", reason: "expired" });
  const effects = play.book.take();
  assertEquals(errorIn(effects[0]).errorNumber, 2026);
  assertMatch(errorIn(effects[0]).message, /10\.0\.0\.1:3306: expired/);
  assertEquals(effects.slice(1), [{ close: "client" }, { close: "server" }]);

  play = new Play("plain", "plain");
  play.sent("client");
  const request = responseOf("", new Uint8Array()).slice(0, 32);
  request[1]! |= 0x08;
  play.clientSays(request).book.take();
  play.book.session.secured("client", { kind: "distrusted", reason: "the client has shown no certificate" });
  assertEquals(play.book.take(), [], "its login packet is still to come");
  play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32)));
  assertEquals(errorIn(play.book.take()[0]).errorNumber, 1045);

  play = new Play("plain", "plain");
  play.sent("client");
  play.clientSays(request).book.take();
  play.book.session.secured("client", { kind: "failed", reason: "no shared cipher" });
  assertEquals(play.book.take(), [{ close: "server" }]);
  assertEquals(play.book.session.ended, true);
});

Deno.test("Login: each side compresses as it has agreed with the proxy", () => {
  const zlib = Capability.CLIENT_COMPRESS;
  const zstd = Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  const all = CAPABILITIES | zlib | zstd;
  const query = command(3, `SELECT '${"x".repeat(500)}'`);
  const rows = concat(packet("00000002000000", 1));
  for (const client of [undefined, "zlib", "zstd"] as const) {
    for (const server of [undefined, "zlib", "zstd"] as const) {
      const terms = policy("plain", { clientCompression: ["zlib", "zstd"] }, {
        compression: server === undefined ? [] : [server],
      });
      const play = new Play("plain", "plain", terms, all);
      play.sent("client");
      const flags = client === undefined ? 0n : client === "zlib" ? zlib : zstd;
      play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32), CAPABILITIES | flags));
      const response = parseHandshakeResponse(play.sent("server")[0]!);
      assertEquals(response.capabilities & (zlib | zstd), server === undefined ? 0n : server === "zlib" ? zlib : zstd);
      play.serverSays("00000002000000");
      assertEquals(play.sent("client").length, 1);

      const [near, far] = [client, server].map((name) => name && new CompressedChannel(name));
      for (let round = 0; round < 2; round++) {
        play.book.say("client", near?.encode(query, true) ?? query);
        const [toServer] = play.book.take();
        const bytes = unhex(toServer !== undefined && "to" in toServer ? toServer.bytes : "");
        if (far !== undefined) assertEquals(bytes[3], 0, "the sequence number of a new command");
        assertEquals(hex(far?.decode(bytes) ?? bytes), hex(query));
        play.book.say("server", far?.encode(rows, false) ?? rows);
        const [toClient] = play.book.take();
        const answer = unhex(toClient !== undefined && "to" in toClient ? toClient.bytes : "");
        if (near !== undefined) assertEquals(answer[3], 1, "the sequence number goes on");
        assertEquals(hex(near?.decode(answer) ?? answer), hex(rows));
        assertEquals(play.book.session.idle, true);
      }
      // Nonsense in place of a compressed packet is answered, compressed.
      if (near !== undefined) {
        play.book.say("client", unhex("05000000ffff00ffffffffff"));
        const [refused] = play.book.take();
        const error = near.decode(unhex(refused !== undefined && "to" in refused ? refused.bytes : ""));
        assertEquals(error[4], 0xff);
      }
    }
  }
});

Deno.test("COM_CHANGE_USER is translated where the two sides are reached in different ways", () => {
  const change = (plugin: string, data: Uint8Array) =>
    concat(
      Uint8Array.of(0x11),
      encodeText("bob\0"),
      Uint8Array.of(data.length),
      data,
      encodeText(`db\0\x21\0${plugin}\0`),
    );
  for (const [client, server] of [["plain", "tls"], ["tls", "plain"]] as const) {
    const play = new Play(client, server);
    play.logIn("caching_sha2_password", new Uint8Array(32));
    play.serverSays("0103").sent("client");
    play.serverSays("00000002000000").sent("client");
    const packetOf = (payload: Uint8Array, id: number) => hex(encodePacket(payload, id));
    const { book } = play;
    // In one piece and in the smallest ones: the first five bytes decide.
    for (const size of [1, 2, 5, 1000]) {
      const begin = change("caching_sha2_password", new Uint8Array(32));
      book.say("client", encodePacket(begin, 0), size);
      assertEquals(book.take(), [{ to: "server", bytes: packetOf(begin, 0) }]);
      book.say("server", packet("0104", 1), size);
      assertEquals(book.take(), [{ to: "client", bytes: hex(packet("0104", 1)) }]);
      if (client === "plain") {
        book.say("client", packet("02", 2), size);
        const [key] = book.take();
        const pem = unhex(key !== undefined && "to" in key && key.to === "client" ? key.bytes : "").subarray(5);
        book.say("client", encodePacket(encryptPassword(PASSWORD, NONCE, new TextDecoder().decode(pem)), 4), size);
        assertEquals(book.take(), [{ to: "server", bytes: packetOf(PASSWORD, 2) }]);
        book.say("server", packet("00000002000000", 3), size);
        assertEquals(book.take(), [{ to: "client", bytes: hex(packet("00000002000000", 5)) }]);
      } else {
        book.say("client", encodePacket(PASSWORD, 2), size);
        assertEquals(book.take(), [{ to: "server", bytes: packetOf(Uint8Array.of(2), 2) }]);
        book.say("server", encodePacket(concat(Uint8Array.of(1), encodeText(SERVER_KEYS.publicKey)), 3), size);
        const [sent] = book.take();
        const cipher = unhex(sent !== undefined && "to" in sent && sent.to === "server" ? sent.bytes : "");
        assertEquals(cipher[3], 4);
        assertEquals(decryptPassword(cipher.subarray(4), NONCE, SERVER_KEYS.privateKey), PASSWORD);
        book.say("server", packet("00000002000000", 5), size);
        assertEquals(book.take(), [{ to: "client", bytes: hex(packet("00000002000000", 3)) }]);
      }
      assertEquals(book.session.idle, true);
      // Other commands are not held up, the shortest ones neither.
      book.say("client", command(0x0e), size);
      assertEquals(book.take(), [{ to: "server", bytes: hex(command(0x0e)) }]);
      book.say("server", packet("00000002000000", 1), size);
      assertEquals(book.take(), [{ to: "client", bytes: hex(packet("00000002000000", 1)) }]);
    }
  }
});

Deno.test("COM_CHANGE_USER that is refused half-way gets an ERR with the number that the client expects", () => {
  const play = new Play("plain", "tls");
  play.logIn("caching_sha2_password", new Uint8Array(32));
  play.serverSays("0103").sent("client");
  play.serverSays("00000002000000").sent("client");
  const { book } = play;
  const begin = concat(encodeText("\x11bob\0\0db\0\x21\0caching_sha2_password\0"));
  book.say("client", encodePacket(begin, 0)).say("server", packet("0104", 1)).say("client", packet("02", 2));
  book.take();
  const clear = encodeAuthSwitchRequest({ kind: "plugin", pluginName: "mysql_clear_password", data: new Uint8Array() });
  book.say("server", encodePacket(clear, 2));
  const [error] = book.take();
  assertEquals(errorIn(error).errorNumber, 3159);
  assertEquals(errorIn(error).sequenceId, 4);
});

Deno.test("Session takes a command of megabytes although a change of user would be translated", () => {
  const play = new Play("plain", "tls");
  play.logIn("caching_sha2_password", new Uint8Array(32));
  play.serverSays("00000002000000").sent("client");
  const query = encodePacket(new Uint8Array(2_000_000).fill(3), 0);
  play.book.say("client", query.subarray(0, 3)).say("client", query.subarray(3));
  const sent = play.book.take().map((effect) => "to" in effect && effect.to === "server" ? effect.bytes.length / 2 : 0);
  assertEquals(sent, [query.length]);
});

Deno.test("Session numbers packets anew where a side compresses", () => {
  const zlib = Capability.CLIENT_COMPRESS;
  const logIn = (client: boolean, server: boolean) => {
    const terms = policy("plain", { clientCompression: ["zlib"] }, { compression: server ? ["zlib"] : [] });
    const play = new Play("plain", "plain", terms, CAPABILITIES | zlib);
    play.sent("client");
    const capabilities = client ? CAPABILITIES | zlib : CAPABILITIES;
    play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32), capabilities));
    play.sent("server");
    play.serverSays("00000002000000").sent("client");
    return play.book;
  };
  const bytesOf = (effects: readonly Effect[]) =>
    concat(...effects.map((effect) => "to" in effect ? unhex(effect.bytes) : new Uint8Array()));

  // A long command as the mariadb client sends it: its second part has the number 0 as well.
  let book = logIn(true, false);
  const long = encodePacket(new Uint8Array(0xffffff + 5).fill(3), 0);
  const second = 4 + 0xffffff;
  assertEquals(long[second + 3], 1);
  long[second + 3] = 0;
  const near = new CompressedChannel("zlib");
  // Not through the list of effects: that many bytes take seconds as hexadecimal digits.
  const { send } = book;
  let passed = new Uint8Array();
  book.send = (_to, bytes) => passed = bytes.slice();
  book.say("client", near.encode(long, true));
  assertEquals([passed.length, passed[3], passed[second + 3]], [long.length, 0, 1]);
  book.send = send;
  book.say("server", packet("00000002000000", 2));
  assertEquals(near.decode(bytesOf(book.take()))[3], 2);

  // A server goes on from the number of the compressed packet; the client counts as it always does.
  book = logIn(false, true);
  const far = new CompressedChannel("zlib");
  for (let round = 0; round < 2; round++) {
    book.say("client", command(3, "SELECT 1"));
    far.decode(bytesOf(book.take()));
    book.say("server", far.encode(packet("00000002000000", 77), false));
    assertEquals(bytesOf(book.take())[3], 1);
  }
  // Two commands at once, the second before the first is answered.
  book.say("client", concat(command(3, "SELECT 1"), command(3, "SELECT 2")));
  far.decode(bytesOf(book.take()));
  book.say("server", far.encode(concat(packet("00000002000000", 5), packet("00000002000000", 6)), false));
  const answers = bytesOf(book.take());
  assertEquals([answers[3], answers[11 + 3]], [1, 1]);
});

Deno.test("Login: what is said before the client has sent its login packet waits for that, and is in sequence then", () => {
  const response = responseOf("caching_sha2_password", new Uint8Array(32));
  // The server refuses, or just leaves, before the client has been heard; with TLS towards the client and without.
  for (const client of ["plain", "tls"] as const) {
    for (const refusal of ["ff6904233038303031486f7374206973206e6f7420616c6c6f776564", undefined]) {
      const play = new Play(client, "plain");
      play.sent("client");
      if (refusal !== undefined) play.serverSays(refusal);
      play.book.session.closed("server", 1);
      play.book.take();
      play.startClientTls();
      play.clientSays(response);
      const effects = play.book.take();
      const error = errorIn(effects[0]);
      assertEquals(error.errorNumber, refusal === undefined ? 2013 : 0x0469);
      assertEquals(error.sequenceId, client === "tls" ? 3 : 2);
      assertEquals(effects.at(-1), { close: "client" });
      assertEquals(play.book.session.ended, true);
    }
  }
});

Deno.test("Login refuses at once what is no packet of MySQL's protocol", () => {
  // The header of a balancer, a TLS handshake without a request for it, and a web browser.
  for (const bytes of ["0d0a0d0a000d0a515549540a", "16030102000100", "474554202f20485454502f312e31"]) {
    const play = new Play("plain", "plain");
    play.sent("client");
    play.book.say("client", unhex(bytes));
    assertEquals(errorIn(play.book.take()[0]).errorNumber, 1043, bytes);
  }
});

Deno.test("Session takes the commands in front of a broken compressed packet, and answers in sequence", () => {
  const terms = policy("plain", { clientCompression: ["zlib"] });
  const play = new Play("plain", "plain", terms);
  play.sent("client");
  const capabilities = CAPABILITIES | Capability.CLIENT_COMPRESS;
  play.clientSays(responseOf("caching_sha2_password", new Uint8Array(32), capabilities));
  play.sent("server");
  play.serverSays("00000002000000").sent("client");
  const near = new CompressedChannel("zlib");
  play.book.say("client", concat(near.encode(command(3, "SELECT 1"), true), unhex("05000001ff00001122334455")));
  const effects = play.book.take();
  assertEquals(effects[0], { to: "server", bytes: hex(command(3, "SELECT 1")) });
  const refused = effects[1] !== undefined && "to" in effects[1] ? unhex(effects[1].bytes) : new Uint8Array();
  const error = near.decode(refused);
  assertEquals([error[3], error[4]], [1, 0xff]);
});

Deno.test("COM_CHANGE_USER with a password that was encrypted for another nonce is left to the server", () => {
  const play = new Play("plain", "tls");
  play.logIn("caching_sha2_password", new Uint8Array(32));
  play.serverSays("00000002000000").sent("client");
  const stale = encryptPassword(PASSWORD, NONCE, SERVER_KEYS.publicKey).slice(0, 255);
  const change = concat(encodeText("\x11bob\0"), Uint8Array.of(255), stale, encodeText("db\0\x21\0sha256_password\0"));
  play.book.say("client", encodePacket(change, 0));
  const [sent] = play.book.take();
  const expected = concat(encodeText("\x11bob\0"), Uint8Array.of(1, 0), encodeText("db\0\x21\0sha256_password\0"));
  assertEquals(sent, { to: "server", bytes: hex(encodePacket(expected, 0)) });
});

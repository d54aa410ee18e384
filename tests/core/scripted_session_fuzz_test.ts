import fc from "fast-check";
import { Pool } from "../../lib/core/pool.ts";
import { Command, encodeChangeUser, encodeErr, encodePacket } from "../../lib/protocol/mod.ts";
import { type Decision, Verdict } from "../../lib/script/mod.ts";
import { CAPABILITIES, command, greeting, login, OK, OK_LOGIN, packet, TWO_BACKENDS } from "./playbook.ts";
import { FakeScript, scripted } from "./scripted_playbook.ts";

const CHANGE = encodeChangeUser(
  { username: "bob", authResponse: new Uint8Array(20), database: "shop", charset: 255, authPluginName: "x" },
  CAPABILITIES,
);
const ERR = encodeErr({ errorNumber: 1064, sqlState: "42000", message: "no" });

const FROM_CLIENT: readonly Uint8Array[] = [
  login(),
  command(Command.COM_QUERY, "SELECT 1"),
  command(Command.COM_QUERY, "SELECT 1").subarray(0, 6),
  command(Command.COM_PING),
  command(Command.COM_QUIT),
  command(Command.COM_STMT_CLOSE, "\x01\0\0\0"),
  command(Command.COM_STMT_PREPARE, "SELECT ?"),
  command(Command.COM_BINLOG_DUMP, "\x04\0\0\0\0\0\x01\0\0\0"),
  encodePacket(CHANGE, 0),
  packet("", 2),
  packet("6162", 2),
];

const FROM_SERVER: readonly Uint8Array[] = [
  greeting(),
  OK_LOGIN,
  OK,
  packet("00000003000000", 1),
  packet("0000000a000000", 1),
  packet("01", 1),
  packet("03646566000000013100" + "0c3f0002000000088100000000", 2),
  packet("fe00000200", 3),
  packet("0131", 4),
  packet("fb2f746d702f78", 1),
  packet("fe61006162", 2),
  packet("0103", 2),
  encodePacket(ERR, 1),
  packet("", 1),
];

const QUEUED: readonly Uint8Array[] = [
  ...FROM_CLIENT.slice(1).filter(({ length }) => length > 4).map((bytes) => bytes.slice(4)),
  new Uint8Array(0),
];

const ANSWERS: readonly Uint8Array[] = [
  greeting(),
  OK,
  encodePacket(ERR, 0),
  packet("fe61006162", 1),
  packet("fb2f746d702f78", 1),
].map((bytes) => bytes.slice(4));

Deno.test("Session with a script survives whatever client, server and script do", async () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ client: fc.constantFrom(...FROM_CLIENT) }) },
    { weight: 8, arbitrary: fc.record({ server: fc.constantFrom(...FROM_SERVER) }) },
    { weight: 1, arbitrary: fc.constantFrom("connected", "failed", "client closes", "server closes", "stop", "late") },
    { weight: 2, arbitrary: fc.constant("hook ends" as const) },
  );
  const hook = fc.record({
    verdict: fc.constantFrom(Verdict.NONE, Verdict.SEND_QUERY, Verdict.SEND_RESULT, Verdict.IGNORE_RESULT),
    ndx: fc.constantFrom(undefined, undefined, undefined, 0, 1, 2, 7, -1),
    queries: fc.array(fc.record({ packet: fc.constantFrom(...QUEUED), needed: fc.boolean() }), { maxLength: 2 }),
    answer: fc.constantFrom(...ANSWERS),
    waits: fc.integer({ max: 5, min: 0 }).map((n) => n === 0),
  });
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.array(step, { maxLength: 40 }),
    fc.array(hook, { minLength: 1, maxLength: 12 }),
    async (begun, steps, hooks) => {
      const script = new FakeScript();
      const pool = new Pool();
      const book = scripted(script, TWO_BACKENDS, pool);
      const { session } = book;
      let calls = 0;
      let over: (() => void) | undefined;
      let quiet = begun;
      const act = (): Decision => {
        if (quiet) return Verdict.NONE;
        const { verdict, ndx, queries, answer, waits } = hooks[calls++ % hooks.length]!;
        if (ndx !== undefined) session.backendNdx = ndx;
        for (const query of queries) script.append(1, query.packet, query.needed);
        script.answer = [answer];
        if (!waits) return verdict;
        const { promise, resolve } = Promise.withResolvers<Verdict>();
        over = () => resolve(verdict);
        return promise;
      };
      script.onConnect =
        script.onHandshake =
        script.onAuth =
        script.onAuthResult =
        script.onQuery =
        script.onResult =
          act;
      script.onDisconnect = () => session.backendNdx = 0;
      if (begun) book.logIn();
      else session.open(book.now);
      quiet = false;
      for (const one of steps) {
        if (typeof one === "object") {
          if ("client" in one) book.say("client", one.client);
          else if (session.link !== undefined) book.say("server", one.server);
        } else if (one === "connected") session.connected(book.now);
        else if (one === "failed") session.connectFailed("refused", book.now);
        else if (one === "client closes") session.closed("client", book.now);
        else if (one === "server closes") session.closed("server", book.now);
        else if (one === "stop") session.stop();
        else if (one === "late") session.waiting || session.timedOut(10, book.now);
        else over?.();
        await Promise.resolve();
      }
      over?.();
      await new Promise<void>((resolve) => queueMicrotask(resolve));
      session.cutOff();
      session.closed("server", book.now);
      if (!session.ended) throw new Error(`The session goes on in ${session.state}`);
      const clients = [0, 1].map((index) => book.backends.connectedClients(index));
      if (clients.some((count) => count !== 0)) throw new Error(`Backends still count clients: ${clients}`);
      if (script.calls.filter((name) => name === "disconnect_client").length !== 1) {
        throw new Error("The script was not told of the end once");
      }
    },
  );
  await fc.assert(property, { numRuns: Number(Deno.env.get("FUZZ") ?? 1500) });
});

import { assert, assertEquals } from "@std/assert";
import mariadb from "mariadb";
import { APP } from "../../servers/users.ts";
import { ignore, shared, withLocal } from "./scripts_stage.ts";
import { connect } from "./stage.ts";

/** Gives new clients what clients who left have left behind. */
const POOL = `
function connect_server()
  proxy.connection.backend_ndx = 1
  if proxy.connection.server then return proxy.PROXY_IGNORE_RESULT end
end
function read_query(packet)
  if packet:byte() ~= proxy.COM_QUIT then return end
  proxy.response = { type = proxy.MYSQLD_PACKET_OK }
  return proxy.PROXY_SEND_RESULT
end
function disconnect_client() proxy.connection.backend_ndx = 0 end
`;

/** Servers forget IGNORE_SPACE at a change of user, although the login had asked for it. */
const SETTINGS = "SELECT CONCAT_WS(' ', @@character_set_client, @@collation_connection, " +
  "REPLACE(@@sql_mode, 'IGNORE_SPACE,', ''), @leak) AS settings, " +
  "CONNECTION_ID() AS id";

interface Answer {
  readonly settings: string;
  readonly id: number | bigint;
}

function isAnswer(row: unknown): row is Answer {
  return typeof row === "object" && row !== null && "settings" in row && "id" in row;
}

function answerIn(rows: unknown): Answer {
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  if (!isAnswer(row)) throw new Error(`No answer: ${JSON.stringify(rows)}`);
  return row;
}

async function byMysql2(port: number): Promise<Answer> {
  const client = await connect(port, { user: APP.user, password: APP.password });
  try {
    const [rows] = await client.query(SETTINGS);
    await client.query("SET NAMES latin1, sql_mode = 'ANSI', @leak = 1");
    return answerIn(rows);
  } finally {
    await client.end();
  }
}

async function byMariadb(port: number): Promise<Answer> {
  const client = await mariadb.createConnection({ host: "127.0.0.1", port, user: APP.user, password: APP.password });
  try {
    return answerIn(await client.query(SETTINGS));
  } finally {
    await client.end();
  }
}

Deno.test({
  name: "drivers that agree on other terms share a pool, and each finds its session as after a login of its own",
  ignore,
  async fn() {
    const server = await shared();
    const direct = [(await byMysql2(server.port)).settings, (await byMariadb(server.port)).settings];
    await withLocal(POOL, [server], async ({ proxy }) => {
      const ids = new Set<unknown>();
      for (let round = 0; round < 4; round++) {
        const answers = [await byMysql2(proxy.port), await byMariadb(proxy.port)];
        assertEquals(answers.map(({ settings }) => settings), direct);
        for (const { id } of answers) ids.add(Number(id));
        // The reset of a parked connection is under way.
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      assert(ids.size < 8, `${ids.size} connections for 8 logins`);
    });
  },
});

/**
 * A world for scripts under test: backends that are plain objects, a log that is a list, connections without sockets.
 *
 * @module
 */
import { LuaEngine } from "../../lib/lua/engine.ts";
import { type HostOptions, LuaHost } from "../../lib/lua/host.ts";
import { Capability, Command, encodeText } from "../../lib/protocol/mod.ts";
import type {
  AddressView,
  BackendView,
  ConnectionView,
  QueryOutcome,
  QueryResult,
  QueuedQuery,
  Script,
  ScriptWorld,
  SocketView,
} from "../../lib/script/mod.ts";

export const CAPABILITIES = Capability.CLIENT_PROTOCOL_41 | Capability.CLIENT_TRANSACTIONS;

export function address(ip: string, port: number): AddressView {
  return { name: `${ip}:${port}`, address: ip, port, type: 2 };
}

export function socket(more: Partial<SocketView> = {}): SocketView {
  return {
    src: address("127.0.0.1", 50000),
    dst: address("127.0.0.1", 4040),
    default_db: "",
    username: undefined,
    scrambled_password: undefined,
    auth_plugin_name: undefined,
    mysqld_version: undefined,
    thread_id: undefined,
    scramble_buffer: undefined,
    ...more,
  };
}

export interface TestConnection extends ConnectionView {
  client: SocketView;
  server: SocketView | undefined;
  closes: boolean;
}

export function connectionView(client: SocketView = socket()): TestConnection {
  return {
    client,
    server: undefined,
    backendNdx: 0,
    closes: false,
    closeAfterResponse(close) {
      this.closes = close;
    },
  };
}

export function backend(port: number, type = 1): BackendView {
  const idle = new Map([["joe", 3]]);
  return {
    dst: address("127.0.0.1", port),
    state: 0,
    type,
    uuid: undefined,
    connectedClients: 0,
    pool: { maxIdleConnections: 0, minIdleConnections: 0, idle: (user) => idle.get(user) ?? 0 },
  };
}

export interface TestWorld extends ScriptWorld {
  backends: BackendView[];
  records: string[];
  answer: (ndx: number, sql: string, signal: AbortSignal) => Promise<QueryOutcome>;
}

export function scriptWorld(): TestWorld {
  const records: string[] = [];
  return {
    backends: [backend(3306), backend(3307, 2)],
    records,
    log: (level, text) => void records.push(`${level}: ${text}`),
    logs: () => true,
    shutdown: () => void records.push("shutdown"),
    answer: () => Promise.resolve({ kind: "ok", affectedRows: 0, insertId: 0, warnings: 0 }),
    query(ndx, sql, _account, signal) {
      return this.answer(ndx, new TextDecoder().decode(sql), signal);
    },
  };
}

let module: Promise<WebAssembly.Module> | undefined;

/** A host with a script, on a file in a folder of its own. */
export class TestHost implements Disposable {
  readonly path: string;
  readonly #folder: string;
  readonly host: LuaHost;
  readonly world: TestWorld;

  private constructor(folder: string, path: string, host: LuaHost, world: TestWorld) {
    this.#folder = folder;
    this.path = path;
    this.host = host;
    this.world = world;
  }

  static async open(script: string, options: Partial<HostOptions> = {}): Promise<TestHost> {
    const folder = Deno.makeTempDirSync();
    const path = `${folder}/script.lua`;
    Deno.writeTextFileSync(path, script);
    const world = scriptWorld();
    try {
      const host = await LuaHost.open({
        module: await (module ??= LuaEngine.compile()),
        script: path,
        luaPath: `${folder}/?.lua`,
        allowRun: false,
        timeLimitMs: 300,
        memoryLimit: 128 << 20,
        threadIndex: 0,
        ...options,
      }, world);
      return new TestHost(folder, path, host, world);
    } catch (error) {
      Deno.removeSync(folder, { recursive: true });
      throw error;
    }
  }

  /** Writes a module that the script can require. */
  write(name: string, text: string): void {
    Deno.writeTextFileSync(`${this.#folder}/${name}`, text);
  }

  connect(view: ConnectionView = connectionView()): Script {
    return this.host.connection(view);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** A COM_QUERY. */
export function comQuery(sql: string): Uint8Array {
  return encodeText(String.fromCharCode(Command.COM_QUERY) + sql);
}

/** The result of the first query in the queue. */
export function resultOf(
  query: QueuedQuery,
  packets: readonly Uint8Array[],
  more: Partial<QueryResult> = {},
): QueryResult {
  return {
    query,
    queryTime: 120,
    responseTime: 150,
    rowCount: 0,
    bytes: packets.reduce((sum, packet) => sum + packet.length + 4, 0),
    status: 0,
    affectedRows: undefined,
    insertId: undefined,
    warnings: 0,
    serverStatus: 2,
    capabilities: CAPABILITIES,
    packets: query.resultsetIsNeeded ? packets : undefined,
    ...more,
  };
}

/** Payloads as latin1 text, which is one character for a byte. */
export function latin1(payloads: readonly Uint8Array[]): string[] {
  return payloads.map((payload) => Array.from(payload, (byte) => String.fromCharCode(byte)).join(""));
}

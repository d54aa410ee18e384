/**
 * `proxy.connection`, its sockets and their addresses: the functions behind `prelude/connection.lua`.
 *
 * @module
 */
import type { AddressView, ConnectionView, ScriptLogLevel, SocketView } from "../script/mod.ts";
import type { LuaEngine, LuaFunction, LuaValue, State } from "./engine.ts";
import { KnownKeys } from "./known_keys.ts";
import type { RunningScripts } from "./running_scripts.ts";

/** Which side a socket object shows. */
const Side = { CLIENT: 0, SERVER: 1 } as const;

/** What the objects belong to: a connection. */
export interface ConnectionOwner {
  readonly view: ConnectionView;
}

type Read = (socket: SocketView) => LuaValue;

const FIELDS: Readonly<Record<string, Read>> = {
  default_db: (socket) => socket.default_db,
  username: (socket) => socket.username,
  scrambled_password: (socket) => socket.scrambled_password,
  auth_plugin_name: (socket) => socket.auth_plugin_name,
  mysqld_version: (socket) => socket.mysqld_version,
  thread_id: (socket) => socket.thread_id,
  scramble_buffer: (socket) => socket.scramble_buffer,
};
const SCALARS = Object.values(FIELDS);
const ADDRESSES = new Set(["src", "dst"]);

/** An address as scripts see it. */
export function addressTable(address: AddressView): LuaValue {
  const { name, type } = address;
  const table = { name, address: address.address, type };
  return address.port === undefined ? table : { ...table, port: address.port };
}

/**
 * The functions, by the names that the prelude calls them by.
 *
 * @param report Takes records that may come again and again.
 */
export function connectionFunctions(
  engine: LuaEngine,
  scripts: RunningScripts<ConnectionOwner>,
  report: (level: ScriptLogLevel, text: string) => void,
): Record<string, LuaFunction> {
  const { api } = engine;
  const keys = new KnownKeys(engine, [...Object.keys(FIELDS), ...ADDRESSES, "address"]);

  /** The connection whose number is the argument `i`. */
  function owner(L: State, i: number): ConnectionOwner {
    const found = scripts.get(api.lua_tonumberx(L, i, 0));
    if (found === undefined) throw new Error("the connection is closed");
    return found;
  }

  function socketOf(script: ConnectionOwner | undefined, number: number): SocketView | undefined {
    if (number === Side.CLIENT) return script?.view.client;
    return number === Side.SERVER ? script?.view.server : undefined;
  }

  /** Pushes a field; false if it is not known yet, or there is no such field. */
  function pushField(L: State, socket: SocketView, key: string): boolean {
    if (key === "src" || key === "dst") {
      engine.push(L, addressTable(socket[key]));
      return true;
    }
    const value = FIELDS[key]?.(socket);
    if (value === undefined) return false;
    if (typeof value === "string") engine.pushText(L, value);
    else engine.push(L, value);
    return true;
  }

  return {
    backend_ndx(L) {
      const script = scripts.get(api.lua_tonumberx(L, 1, 0));
      api.lua_pushnumber(L, script?.view.backendNdx ?? 0);
      return 1;
    },
    set_backend_ndx(L) {
      const script = owner(L, 1);
      script.view.backendNdx = Math.trunc(api.lua_tonumberx(L, 2, 0));
      return 0;
    },
    close_after_response(L) {
      owner(L, 1).view.closeAfterResponse(api.lua_toboolean(L, 2) !== 0);
      return 0;
    },
    /** (connection) → whether a server is attached. */
    has_server(L) {
      const attached = scripts.get(api.lua_tonumberx(L, 1, 0))?.view.server !== undefined;
      api.lua_pushboolean(L, attached ? 1 : 0);
      return 1;
    },
    /** (socket, key) → a field. */
    socket_field(L) {
      api.lua_rawgeti(L, 1, 1n);
      api.lua_rawgeti(L, 1, 2n);
      const number = api.lua_tonumberx(L, -1, 0);
      const socket = socketOf(scripts.get(api.lua_tonumberx(L, -2, 0)), number);
      api.lua_settop(L, 2);
      if (socket === undefined) return 0;
      const key = keys.at(L, 2);
      if (key !== undefined && pushField(L, socket, key)) {
        if (ADDRESSES.has(key)) {
          // It never changes: from now on the object has it itself.
          api.lua_pushvalue(L, 2);
          api.lua_pushvalue(L, 3);
          api.lua_rawset(L, 1);
        }
        return 1;
      }
      const name = `proxy.connection.${number === Side.CLIENT ? "client" : "server"}.${keys.spelled(L, 2)}`;
      if (key === "address") throw new Error(`${name} is deprecated, use .src.name or .dst.name instead`);
      report("critical", `(lua) ${name} is not ${key === undefined ? "known" : "available yet"}`);
      return 0;
    },
    /** (connection, side) → everything that a socket shows: the scalars, then name, address, port and type of both ends. */
    socket_snapshot(L) {
      const socket = socketOf(scripts.get(api.lua_tonumberx(L, 1, 0)), api.lua_tonumberx(L, 2, 0));
      if (socket === undefined) return 0;
      for (const read of SCALARS) engine.push(L, read(socket));
      for (const { name, address, port, type } of [socket.src, socket.dst]) {
        engine.pushText(L, name);
        engine.pushText(L, address);
        engine.push(L, port);
        api.lua_pushnumber(L, type);
      }
      return SCALARS.length + 8;
    },
  };
}

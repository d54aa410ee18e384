/**
 * Functions that let a script wait while others run: for time, and for a web server.
 *
 * @module
 */
import type { LuaEngine, LuaFunction, LuaValue, State } from "./engine.ts";
import { LuaType } from "./lua_api.ts";

/** `sleep(seconds)`: goes on after that time; fractions count. */
export function sleepFunction(engine: LuaEngine): LuaFunction {
  return (L) => {
    const seconds = engine.argNumber(L, 1);
    if (!(seconds >= 0 && seconds < 2 ** 31 / 1000)) throw new Error(`cannot sleep for ${seconds} seconds`);
    return engine.wait(L, (signal) => delay(seconds * 1000, signal));
  };
}

function delay(milliseconds: number, signal: AbortSignal): Promise<readonly LuaValue[]> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve([]), milliseconds);
    signal.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}

/** Milliseconds that a request may take. */
const TIMEOUT = 30_000;

/**
 * `http(url [, { method, headers, body, timeout }])`: requests `url` and returns `{ status, headers, body }`, or nil and a
 * message. Header names are in lower case, the body is binary, the timeout in seconds.
 */
export function httpFunction(engine: LuaEngine): LuaFunction {
  return (L) => {
    const url = engine.argText(L, 1);
    const request = engine.isGiven(L, 2) ? readRequest(engine, L) : {};
    // fetch() reads files as well, and takes a path for one beside this program's own.
    if (!/^https?:\/\//i.test(url)) {
      engine.push(L, undefined);
      engine.push(L, `"${url}" is no URL of a web server`);
      return 2;
    }
    const milliseconds = request.timeout === undefined ? TIMEOUT : request.timeout * 1000;
    return engine.wait(L, async (signal) => {
      try {
        const response = await fetch(url, {
          ...request.init,
          signal: AbortSignal.any([signal, AbortSignal.timeout(milliseconds)]),
        });
        const body = new Uint8Array(await response.arrayBuffer());
        return [{ status: response.status, headers: Object.fromEntries(response.headers), body }];
      } catch (error) {
        if (error instanceof DOMException && error.name === "TimeoutError") {
          return [undefined, `no response from "${url}" within ${milliseconds / 1000} seconds`];
        }
        return [undefined, error instanceof Error ? error.message : String(error)];
      }
    });
  };
}

interface Request {
  readonly timeout?: number;
  readonly init?: RequestInit;
}

function readRequest(engine: LuaEngine, L: State): Request {
  const { api } = engine;
  engine.argTable(L, 2);
  const field = <T>(name: string, read: (i: number) => T): T | undefined => {
    api.lua_getfield(L, 2, engine.cstring(name));
    const value = api.lua_type(L, -1) === LuaType.NIL ? undefined : read(-1);
    api.lua_settop(L, -2);
    return value;
  };
  const method = field("method", (i) => engine.text(L, i));
  const body = field("body", (i) => engine.bytes(L, i));
  const timeout = field("timeout", (i) => api.lua_tonumberx(L, i, 0));
  const headers = field("headers", (i) => engine.value(L, i));
  const init: RequestInit = {
    ...(method === undefined ? {} : { method }),
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers: readHeaders(headers) }),
  };
  return { init, ...(timeout === undefined ? {} : { timeout }) };
}

function readHeaders(value: LuaValue): [string, string][] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) {
    throw new Error("headers must be a table");
  }
  return Object.entries(value).map(([name, content]) => [
    name,
    content instanceof Uint8Array ? new TextDecoder().decode(content) : String(content),
  ]);
}

/**
 * `mysql.password`: the scrambles of mysql_native_password (spec section 4.9).
 *
 * Arguments of a wrong length are logged and give an empty or false result, as they always did: a script decides about a
 * login by it, so it must not fail open.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { concat, NONCE_LENGTH, xorRepeated } from "../../protocol/mod.ts";
import type { LuaEngine, State } from "../engine.ts";
import { about, type ModuleContext } from "./context.ts";

const HASH_LENGTH = 20;

function sha1(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(createHash("sha1").update(concat(...parts)).digest());
}

/** A value XOR SHA1(nonce + double hash): that is how a client hides the hash, and how a server finds it. */
function mask(value: Uint8Array, nonce: Uint8Array, doubleHash: Uint8Array): Uint8Array {
  return xorRepeated(value, sha1(nonce, doubleHash));
}

/** Makes the module loadable. */
export function preloadMysqlPassword(engine: LuaEngine, context: ModuleContext): void {
  /** The arguments, or nothing if one has not the length that it must have. */
  const take = (L: State, name: string, ...what: readonly string[]): Uint8Array[] | undefined => {
    const values = what.map((_, i) => engine.argBytes(L, i + 1));
    for (const [i, value] of values.entries()) {
      // The NUL that follows a challenge on the wire may be there.
      const isChallenge = what[i] === "challenge" && value.length === NONCE_LENGTH + 1;
      if (value.length === HASH_LENGTH || isChallenge) continue;
      context.log("critical", `mysql.password.${name}: the ${what[i]} must have 20 bytes, got ${value.length}`);
      return undefined;
    }
    return values.map((value) => value.subarray(0, HASH_LENGTH));
  };
  const unmask = (L: State, name: string) => {
    const [challenge, response, doubleHash] = take(L, name, "challenge", "response", "double hash") ?? [];
    if (challenge === undefined || response === undefined || doubleHash === undefined) return undefined;
    return { hash: mask(response, challenge, doubleHash), doubleHash };
  };

  engine.preload("mysql.password", (L) => {
    return engine.module(L, "mysql.password", {
      hash(L) {
        engine.pushBytes(L, sha1(engine.argBytes(L, 1)));
        return 1;
      },
      scramble(L) {
        const [challenge, hash] = take(L, "scramble", "challenge", "hash") ?? [];
        const known = challenge !== undefined && hash !== undefined;
        engine.pushBytes(L, known ? mask(hash, challenge, sha1(hash)) : new Uint8Array());
        return 1;
      },
      unscramble(L) {
        engine.pushBytes(L, unmask(L, "unscramble")?.hash ?? new Uint8Array());
        return 1;
      },
      check(L) {
        const found = unmask(L, "check");
        engine.push(L, found !== undefined && timingSafeEqual(sha1(found.hash), found.doubleHash));
        return 1;
      },
    }, about("mysql.password", "Hashes and scrambles passwords"));
  });
}

/**
 * `mysql.tokenizer`: SQL as a list of tokens (spec sections 4.9 and 4.10).
 *
 * Lists and tokens are made for speed. The text is cut in TypeScript; words, operators and small numbers are objects that exist
 * already, so that most of a list costs one call into Lua per token, and no string.
 *
 * @module
 */
import { normalize, normalizeSql, TOKEN_NAMES, TokenId, tokenize, type Tokens } from "../../sql/mod.ts";
import type { LuaEngine } from "../engine.ts";
import { REGISTRY, type State } from "../lua_api.ts";
import { about } from "./context.ts";
import { runLuaPart } from "./lua_part.ts";
import { MAX_CACHED, TokenCache } from "./token_cache.ts";

/** Tokens that go to Lua at once, on its stack. */
const PIECE = 200;
/** A longer number is hardly met again. */
const MAX_CACHED_INTEGER = 4;

/** Makes the tokens of one Lua state. */
class TokenFactory {
  readonly #engine: LuaEngine;
  readonly #cache = new TokenCache();
  /** References to the Lua functions that make a token, and the table of those that are shared. */
  #token = 0;
  #sharedToken = 0;
  #shared: number;
  /** The text that was cut last, and where Lua keeps it. */
  #tokens: Tokens = tokenize(new Uint8Array());
  #pointer = 0;
  /** Whether tokens are being pushed: a finalizer of a script may cut another text meanwhile. */
  #busy = false;

  constructor(engine: LuaEngine, L: State) {
    this.#engine = engine;
    engine.api.lua_createtable(L, 0, 0);
    this.#shared = engine.api.luaL_ref(L, REGISTRY);
  }

  /** Takes the two functions that make tokens. */
  setMakers(L: State): number {
    const { api } = this.#engine;
    api.lua_settop(L, 2);
    this.#sharedToken = api.luaL_ref(L, REGISTRY);
    this.#token = api.luaL_ref(L, REGISTRY);
    return 0;
  }

  /** The tokens of the argument, a string. */
  #cut(L: State): Tokens {
    // A list keeps its string, so no other one can have come to the same place while the list is used.
    const pointer = this.#engine.api.lua_tolstring(L, 1, 0);
    if (pointer === 0 || pointer !== this.#pointer) {
      this.#tokens = tokenize(this.#engine.argBytes(L, 1));
      this.#pointer = pointer;
    }
    return this.#tokens;
  }

  /** Cuts the first argument and pushes the first tokens. */
  cut(L: State): number {
    this.#pointer = 0;
    return this.#pushPiece(L, this.#cut(L), 0);
  }

  /** Pushes the tokens of the first argument that come after as many as the second says. */
  cutMore(L: State): number {
    return this.#pushPiece(L, this.#cut(L), this.#engine.argInteger(L, 2));
  }

  #pushPiece(L: State, tokens: Tokens, first: number): number {
    const { api } = this.#engine;
    const last = Math.min(first + PIECE, tokens.length);
    this.#engine.reserve(L, last - first + 8);
    const nested = this.#busy;
    this.#busy = true;
    try {
      api.lua_rawgeti(L, REGISTRY, BigInt(this.#shared));
      const shared = api.lua_gettop(L);
      for (let i = first; i < last; i++) {
        if (nested) this.#make(L, this.#token, tokens, i);
        else this.#push(L, shared, tokens, i);
      }
    } finally {
      this.#busy = nested;
    }
    return last - first;
  }

  #push(L: State, shared: number, tokens: Tokens, i: number): void {
    const id = tokens.id(i);
    if (!isCommon(tokens, i, id)) {
      this.#make(L, this.#token, tokens, i);
      return;
    }
    const { source } = tokens;
    const start = tokens.start(i);
    const end = tokens.end(i);
    let number = this.#cache.find(id, source, start, end);
    const { api } = this.#engine;
    if (number !== 0) {
      api.lua_rawgetp(L, shared, number);
      return;
    }
    if (this.#cache.isFull) {
      this.#forget(L, shared);
      this.#cache.find(id, source, start, end);
    }
    number = this.#cache.add(id, source, start, end);
    this.#make(L, this.#sharedToken, tokens, i);
    api.lua_pushvalue(L, -1);
    api.lua_rawsetp(L, shared, number);
  }

  /** Pushes a new token. */
  #make(L: State, maker: number, tokens: Tokens, i: number): void {
    const { api } = this.#engine;
    api.lua_rawgeti(L, REGISTRY, BigInt(maker));
    api.lua_pushinteger(L, BigInt(tokens.id(i)));
    this.#engine.pushBytes(L, tokens.text(i));
    api.lua_callk(L, 2, 1, 0, 0);
  }

  /** Begins a new table of shared tokens, in the place of the old one on the stack. Lists keep their tokens. */
  #forget(L: State, shared: number): void {
    const { api } = this.#engine;
    api.luaL_unref(L, REGISTRY, this.#shared);
    api.lua_createtable(L, 0, 0);
    api.lua_pushvalue(L, -1);
    this.#shared = api.luaL_ref(L, REGISTRY);
    api.lua_copy(L, -1, shared);
    api.lua_settop(L, -2);
    this.#cache.clear();
  }

  /** Fails as {@linkcode TokenFactory.cut} does if the argument is no string. */
  check(L: State): number {
    this.#engine.argBytes(L, 1);
    return 0;
  }

  /** Pushes the normal form of the first argument, a string. The second one says whether it has not been cut before. */
  normalize(L: State): number {
    // Nothing calls into wasm until the result is copied there, so views will do.
    const normal = this.#engine.api.lua_toboolean(L, 2) !== 0
      ? normalizeSql(this.#engine.view(L, 1))
      : normalize(this.#cut(L));
    this.#engine.pushBytes(L, normal);
    return 1;
  }
}

/** Whether a token is likely to come again, so that it is worth keeping. */
function isCommon(tokens: Tokens, i: number, id: number): boolean {
  switch (id) {
    case TokenId.STRING:
    case TokenId.FLOAT:
    case TokenId.COMMENT:
    case TokenId.COMMENT_MYSQL:
      return false;
    case TokenId.INTEGER:
      return tokens.end(i) - tokens.start(i) <= MAX_CACHED_INTEGER;
    default:
      return tokens.end(i) - tokens.start(i) <= MAX_CACHED && !tokens.isDoubled(i);
  }
}

/** Makes the module loadable. */
export function preloadMysqlTokenizer(engine: LuaEngine): void {
  engine.preload("mysql.tokenizer", (L) => {
    const { api } = engine;
    const factory = new TokenFactory(engine, L);
    engine.module(L, "mysql.tokenizer", {}, about("mysql.tokenizer", "Cuts SQL into tokens"));
    const module = api.lua_gettop(L);
    runLuaPart(engine, L, "mysql_tokenizer", () => {
      api.lua_pushvalue(L, module);
      engine.push(L, { piece: PIECE });
      const functions = {
        // Named like what scripts call, for the message.
        tokenize: (L: State) => factory.check(L),
        cut: (L: State) => factory.cut(L),
        cut_more: (L: State) => factory.cutMore(L),
        makers: (L: State) => factory.setMakers(L),
        normalize: (L: State) => factory.normalize(L),
      };
      for (const [name, run] of Object.entries(functions)) {
        engine.pushFunction(L, name, run);
        api.lua_setfield(L, -2, engine.cstring(name));
      }
      // Names by id, which begins with 0.
      engine.push(L, TOKEN_NAMES.slice(1));
      engine.push(L, TOKEN_NAMES[0]);
      api.lua_rawseti(L, -2, 0n);
    }, 0);
    return 1;
  });
}

/**
 * SQL as the proxy understands it: tokens, and the normal form of statements.
 *
 * @module
 */
export { FIRST_KEYWORD, KEYWORDS, TOKEN_NAMES, TokenId } from "./tokens.ts";
export { tokenize, Tokens } from "./tokenizer.ts";
export { normalize, normalizeSql } from "./normalize.ts";

/**
 * The kinds of SQL tokens: the ids and names of the original tokenizer, which scripts compare with.
 *
 * Source: spec section 4.10. An id is the position in this list, so nothing may be added in the middle; the keywords are
 * those of MySQL 5.1.
 *
 * @module
 */

const BEFORE_KEYWORDS = [
  "TK_UNKNOWN",
  "TK_LE",
  "TK_GE",
  "TK_LT",
  "TK_GT",
  "TK_EQ",
  "TK_NE",
  "TK_STRING",
  "TK_COMMENT",
  "TK_LITERAL",
  "TK_FUNCTION",
  "TK_INTEGER",
  "TK_FLOAT",
  "TK_DOT",
  "TK_COMMA",
  "TK_ASSIGN",
  "TK_OBRACE",
  "TK_CBRACE",
  "TK_SEMICOLON",
  "TK_STAR",
  "TK_PLUS",
  "TK_MINUS",
  "TK_DIV",
  "TK_BITWISE_AND",
  "TK_BITWISE_OR",
  "TK_BITWISE_XOR",
  "TK_LOGICAL_AND",
  "TK_LOGICAL_OR",
] as const;

/** The keywords in the order of their ids; the first has {@linkcode FIRST_KEYWORD}. */
export const KEYWORDS: readonly string[] = `
  ACCESSIBLE ACTION ADD ALL ALTER ANALYZE AND AS ASC ASENSITIVE BEFORE BETWEEN BIGINT BINARY BIT BLOB BOTH BY CALL
  CASCADE CASE CHANGE CHAR CHARACTER CHECK COLLATE COLUMN CONDITION CONSTRAINT CONTINUE CONVERT CREATE CROSS
  CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DATABASES DATE DAY_HOUR DAY_MICROSECOND
  DAY_MINUTE DAY_SECOND DEC DECIMAL DECLARE DEFAULT DELAYED DELETE DESC DESCRIBE DETERMINISTIC DISTINCT DISTINCTROW DIV
  DOUBLE DROP DUAL EACH ELSE ELSEIF ENCLOSED ENUM ESCAPED EXISTS EXIT EXPLAIN FALSE FETCH FLOAT FLOAT4 FLOAT8 FOR FORCE
  FOREIGN FROM FULLTEXT GRANT GROUP HAVING HIGH_PRIORITY HOUR_MICROSECOND HOUR_MINUTE HOUR_SECOND IF IGNORE IN INDEX
  INFILE INNER INOUT INSENSITIVE INSERT INT INT1 INT2 INT3 INT4 INT8 INTEGER INTERVAL INTO IS ITERATE JOIN KEY KEYS
  KILL LEADING LEAVE LEFT LIKE LIMIT LINEAR LINES LOAD LOCALTIME LOCALTIMESTAMP LOCK LONG LONGBLOB LONGTEXT LOOP
  LOW_PRIORITY MASTER_SSL_VERIFY_SERVER_CERT MATCH MEDIUMBLOB MEDIUMINT MEDIUMTEXT MIDDLEINT MINUTE_MICROSECOND
  MINUTE_SECOND MOD MODIFIES NATURAL NO NOT NO_WRITE_TO_BINLOG NULL NUMERIC ON OPTIMIZE OPTION OPTIONALLY OR ORDER OUT
  OUTER OUTFILE PRECISION PRIMARY PROCEDURE PURGE RANGE READ READ_ONLY READS READ_WRITE REAL REFERENCES REGEXP RELEASE
  RENAME REPEAT REPLACE REQUIRE RESTRICT RETURN REVOKE RIGHT RLIKE SCHEMA SCHEMAS SECOND_MICROSECOND SELECT SENSITIVE
  SEPARATOR SET SHOW SMALLINT SPATIAL SPECIFIC SQL SQL_BIG_RESULT SQL_CALC_FOUND_ROWS SQLEXCEPTION SQL_SMALL_RESULT
  SQLSTATE SQLWARNING SSL STARTING STRAIGHT_JOIN TABLE TERMINATED TEXT THEN TIME TIMESTAMP TINYBLOB TINYINT TINYTEXT TO
  TRAILING TRIGGER TRUE UNDO UNION UNIQUE UNLOCK UNSIGNED UPDATE USAGE USE USING UTC_DATE UTC_TIME UTC_TIMESTAMP VALUES
  VARBINARY VARCHAR VARCHARACTER VARYING WHEN WHERE WHILE WITH WRITE X509 XOR YEAR_MONTH ZEROFILL
`.trim().split(/\s+/);

/** The id of the first of {@linkcode KEYWORDS}. */
export const FIRST_KEYWORD = BEFORE_KEYWORDS.length;

/** The name of each id, such as `TK_SQL_SELECT`. */
export const TOKEN_NAMES: readonly string[] = [
  ...BEFORE_KEYWORDS,
  ...KEYWORDS.map((word) => `TK_SQL_${word}`),
  "TK_COMMENT_MYSQL",
];

/** The ids that the tokenizer itself must know. Identifiers are literals, names before a parenthesis functions. */
export const TokenId = {
  UNKNOWN: 0,
  LE: 1,
  GE: 2,
  LT: 3,
  GT: 4,
  EQ: 5,
  NE: 6,
  STRING: 7,
  COMMENT: 8,
  LITERAL: 9,
  FUNCTION: 10,
  INTEGER: 11,
  FLOAT: 12,
  DOT: 13,
  COMMA: 14,
  ASSIGN: 15,
  OBRACE: 16,
  CBRACE: 17,
  SEMICOLON: 18,
  STAR: 19,
  PLUS: 20,
  MINUS: 21,
  DIV: 22,
  BITWISE_AND: 23,
  BITWISE_OR: 24,
  BITWISE_XOR: 25,
  LOGICAL_AND: 26,
  LOGICAL_OR: 27,
  /** A comment with SQL that only MySQL runs: it begins with an exclamation mark. */
  COMMENT_MYSQL: 261,
} as const;

const MAX_KEYWORD_LENGTH = Math.max(...KEYWORDS.map((word) => word.length));

/** Slots of the hash table: a power of two, sparse enough that a word that is no keyword mostly meets an empty slot. */
const SLOTS = 2048;
const slots = new Int16Array(SLOTS).fill(-1);
const keywordBytes = KEYWORDS.map((word) => new TextEncoder().encode(word));

function hashOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = end - start;
  // & 0xdf makes ASCII letters upper case; what it does to other bytes is sorted out by the comparison.
  for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + (bytes[i]! & 0xdf) | 0;
  return (hash ^ hash >>> 11) & SLOTS - 1;
}

keywordBytes.forEach((bytes, index) => {
  let slot = hashOf(bytes, 0, bytes.length);
  while (slots[slot] !== -1) slot = slot + 1 & SLOTS - 1;
  slots[slot] = index;
});

function isKeyword(bytes: Uint8Array, start: number, keyword: Uint8Array): boolean {
  for (let i = 0; i < keyword.length; i++) {
    const byte = bytes[start + i]!;
    const upper = byte >= 0x61 && byte <= 0x7a ? byte - 32 : byte;
    if (upper !== keyword[i]) return false;
  }
  return true;
}

/** The id of the word at `start` (up to `end`), in any case: a keyword's, or that of a literal. */
export function wordId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length < 2 || length > MAX_KEYWORD_LENGTH) return TokenId.LITERAL;
  for (let slot = hashOf(bytes, start, end);; slot = slot + 1 & SLOTS - 1) {
    const index = slots[slot]!;
    if (index < 0) return TokenId.LITERAL;
    const keyword = keywordBytes[index]!;
    if (keyword.length === length && isKeyword(bytes, start, keyword)) return FIRST_KEYWORD + index;
  }
}

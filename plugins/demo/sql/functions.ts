/**
 * MySQL's functions in terms of SQLite's built-in ones.
 *
 * They are rewritten rather than registered: `DatabaseSync.function` is missing in Deno 2.4, and SQLite as Deno builds
 * it has no mathematical functions of its own. A function that is not here goes through under its own name.
 *
 * @module
 */
import { SqlError } from "./sql_error.ts";

/** What functions may tell of the session. */
export interface FunctionContext {
  /** The one database that holds tables. */
  readonly mainDatabase: string;
  /** The session's default database. */
  readonly database: string | undefined;
  /** `user@host` as the client logged in. */
  readonly user: string;
  readonly connectionId: number;
  readonly version: string;
  readonly lastInsertId: bigint;
  /** Rows that the previous statement changed; -1 after one that returned rows. */
  readonly rowCount: bigint;
  /** Rows that the previous SELECT returned. */
  readonly foundRows: bigint;
  /** Asks for a pause before the statement runs; `seconds` is a translated expression. */
  sleep(seconds: string): void;
}

/** The translated arguments of a call, and the words that some functions take among them. */
export interface Call {
  readonly args: readonly string[];
  /** `GROUP_CONCAT(… ORDER BY order)`. */
  readonly order: string;
  readonly separator: string | undefined;
  readonly distinct: boolean;
  /** `DATE_ADD(x, INTERVAL …)`: a SQLite date modifier. */
  readonly interval: { readonly modifier: string; readonly dateOnly: boolean } | undefined;
  /** `CAST(x AS cast)` and `CONVERT(x, cast)`, the type's first word; `USING` for a character set. */
  readonly cast: string;
}

/** Makes SQLite's text of a call; `undefined` leaves the call as it is. */
export type FunctionRewrite = (call: Call, context: FunctionContext) => string | undefined;

function literal(value: string | undefined): string {
  return value === undefined ? "NULL" : `'${value.replaceAll("'", "''")}'`;
}

function wrongCount(name: string): SqlError {
  return new SqlError(1582, "42000", `Incorrect parameter count in the call to native function '${name}'`);
}

/** A rewrite of a call with a fixed number of arguments. */
function fixed(name: string, count: number, make: (...args: string[]) => string): [string, FunctionRewrite] {
  return [name, ({ args }) => {
    if (args.length !== count) throw wrongCount(name);
    return make(...args);
  }];
}

/** Another name of a function that SQLite has. */
function renamed(name: string, sqlite: string): [string, FunctionRewrite] {
  return [name, ({ args }) => `${sqlite}(${args.join(", ")})`];
}

function part(name: string, format: string): [string, FunctionRewrite] {
  return fixed(name, 1, (date) => `CAST(strftime('${format}', ${date}) AS INTEGER)`);
}

function clock(name: string, whole: string, fraction: string): [string, FunctionRewrite] {
  return [name, ({ args }) => args[0] === undefined || args[0] === "0" ? whole : fraction];
}

/** The formats of DATE_FORMAT that strftime writes differently; those that it lacks fall back to the nearest. */
const FORMATS: Readonly<Record<string, string>> = {
  i: "%M",
  s: "%S",
  h: "%I",
  M: "%m",
  b: "%m",
  c: "%m",
  r: "%I:%M:%S %p",
  T: "%H:%M:%S",
  f: "000000",
  D: "%d",
  W: "%w",
  a: "%w",
  v: "%V",
  x: "%G",
  y: "%g",
};

function dateFormat(format: string): string {
  return format.replace(/%(.)/g, (all, letter: string) => FORMATS[letter] ?? all);
}

const CASTS: Readonly<Record<string, (value: string) => string>> = {
  SIGNED: (value) => `CAST(${value} AS INTEGER)`,
  UNSIGNED: (value) => `CAST(${value} AS INTEGER)`,
  CHAR: (value) => `CAST(${value} AS TEXT)`,
  NCHAR: (value) => `CAST(${value} AS TEXT)`,
  BINARY: (value) => `CAST(${value} AS BLOB)`,
  DECIMAL: (value) => `CAST(${value} AS NUMERIC)`,
  DOUBLE: (value) => `CAST(${value} AS REAL)`,
  FLOAT: (value) => `CAST(${value} AS REAL)`,
  REAL: (value) => `CAST(${value} AS REAL)`,
  DATE: (value) => `date(${value})`,
  DATETIME: (value) => `datetime(${value})`,
  TIME: (value) => `time(${value})`,
  JSON: (value) => `json(${value})`,
  USING: (value) => value,
};

function cast(call: Call): string | undefined {
  const [value = "NULL", type = ""] = call.args;
  // CONVERT(x, SIGNED) has its type as a second argument.
  const word = (call.cast || type.match(/\w+/)?.[0] || "").toUpperCase();
  return CASTS[word]?.(value);
}

function shift(sign: string): FunctionRewrite {
  return ({ args, interval }) => {
    const [date = "NULL", days] = args;
    const isDate = /^(date\(|'\d{4}-\d\d-\d\d'$)/.test(date);
    if (interval !== undefined) {
      const modifier = sign === "-"
        ? interval.modifier.replace(/^(.*)\* (-?\d+)\) \|\|/s, "$1* -($2)) ||")
        : interval.modifier;
      return `${interval.dateOnly && isDate ? "date" : "datetime"}(${date}, ${modifier})`;
    }
    return days === undefined ? undefined : `${isDate ? "date" : "datetime"}(${date}, (${sign}(${days})) || ' days')`;
  };
}

const NOW = clock("NOW", "datetime('now')", "strftime('%Y-%m-%d %H:%M:%f', 'now')")[1];
const TODAY: FunctionRewrite = () => "date('now')";
const TIME_NOW: FunctionRewrite = () => "time('now')";
const USER: FunctionRewrite = (_, { user }) => literal(user);
const DATABASE: FunctionRewrite = (_, { database }) => literal(database);

/** MySQL's function names, in upper case. */
export const FUNCTIONS: ReadonlyMap<string, FunctionRewrite> = new Map<string, FunctionRewrite>([
  ["NOW", NOW],
  ["CURRENT_TIMESTAMP", NOW],
  ["LOCALTIME", NOW],
  ["LOCALTIMESTAMP", NOW],
  ["SYSDATE", NOW],
  ["UTC_TIMESTAMP", NOW],
  ["CURDATE", TODAY],
  ["CURRENT_DATE", TODAY],
  ["UTC_DATE", TODAY],
  ["CURTIME", TIME_NOW],
  ["CURRENT_TIME", TIME_NOW],
  ["UTC_TIME", TIME_NOW],
  ["USER", USER],
  ["CURRENT_USER", USER],
  ["SESSION_USER", USER],
  ["SYSTEM_USER", USER],
  ["DATABASE", DATABASE],
  ["SCHEMA", DATABASE],
  ["VERSION", (_, { version }) => literal(version)],
  ["CONNECTION_ID", (_, { connectionId }) => String(connectionId)],
  ["LAST_INSERT_ID", ({ args }, { lastInsertId }) => args[0] ?? String(lastInsertId)],
  ["ROW_COUNT", (_, { rowCount }) => String(rowCount)],
  ["FOUND_ROWS", (_, { foundRows }) => String(foundRows)],
  ["CURRENT_ROLE", () => "'NONE'"],
  ["SLEEP", ({ args }, context) => {
    if (args.length !== 1) throw wrongCount("SLEEP");
    context.sleep(args[0] ?? "0");
    return "0";
  }],
  ["UUID", () => literal(crypto.randomUUID())],
  ["RAND", () => "((random() & 9007199254740991) / 9007199254740992.0)"],
  ["GET_LOCK", () => "1"],
  ["RELEASE_LOCK", () => "1"],
  ["IS_FREE_LOCK", () => "1"],

  ["CONCAT", ({ args }) => `(${args.map((arg) => `(${arg})`).join(" || ")})`],
  fixed("LENGTH", 1, (x) => `octet_length(${x})`),
  fixed("OCTET_LENGTH", 1, (x) => `octet_length(${x})`),
  fixed("CHAR_LENGTH", 1, (x) => `length(${x})`),
  fixed("CHARACTER_LENGTH", 1, (x) => `length(${x})`),
  fixed("BIT_LENGTH", 1, (x) => `(octet_length(${x}) * 8)`),
  renamed("LCASE", "lower"),
  renamed("UCASE", "upper"),
  renamed("MID", "substr"),
  renamed("SUBSTRING", "substr"),
  fixed("LEFT", 2, (x, n) => `substr(${x}, 1, ${n})`),
  fixed("RIGHT", 2, (x, n) => `substr(${x}, -(${n}))`),
  fixed("LOCATE", 2, (part, x) => `instr(${x}, ${part})`),
  fixed("POSITION", 2, (part, x) => `instr(${x}, ${part})`),
  fixed("SPACE", 1, (n) => `replace(hex(zeroblob(${n})), '00', ' ')`),
  fixed("REPEAT", 2, (x, n) => `replace(hex(zeroblob(${n})), '00', ${x})`),
  fixed("STRCMP", 2, (a, b) => `((${a}) > (${b})) - ((${a}) < (${b}))`),
  renamed("ASCII", "unicode"),
  renamed("ORD", "unicode"),
  fixed("FIELD", 2, (x, a) => `((${x}) = (${a}))`),
  fixed("JSON_UNQUOTE", 1, (x) => `(${x} ->> '$')`),
  ["GROUP_CONCAT", ({ args, order, separator, distinct }) => {
    const value = args.length === 1 ? args[0] : `(${args.map((arg) => `(${arg})`).join(" || ")})`;
    // SQLite takes no separator together with DISTINCT; its own is the same comma.
    if (distinct) return `group_concat(DISTINCT ${value})`;
    return `group_concat(${value}, ${separator ?? "','"}${order === "" ? "" : ` ORDER BY ${order}`})`;
  }],

  ["IF", ({ args }) => `iif(${args.join(", ")})`],
  fixed("ISNULL", 1, (x) => `((${x}) IS NULL)`),
  ["GREATEST", ({ args }) => `max(${args.join(", ")})`],
  ["LEAST", ({ args }) => `min(${args.join(", ")})`],
  ["CAST", cast],
  ["CONVERT", cast],
  ["ANY_VALUE", ({ args }) => `max(${args.join(", ")})`],
  ["STD", () => undefined],

  fixed("MOD", 2, (a, b) => `((${a}) % (${b}))`),
  fixed("FLOOR", 1, (x) => `(CAST(${x} AS INTEGER) - ((${x}) < CAST(${x} AS INTEGER)))`),
  fixed("CEIL", 1, (x) => `(CAST(${x} AS INTEGER) + ((${x}) > CAST(${x} AS INTEGER)))`),
  fixed("CEILING", 1, (x) => `(CAST(${x} AS INTEGER) + ((${x}) > CAST(${x} AS INTEGER)))`),
  ["TRUNCATE", ({ args: [x = "NULL", digits = ""] }) => {
    if (!/^\d{1,15}$/.test(digits)) return undefined;
    const scale = 10 ** Number(digits);
    return `(CAST((${x}) * ${scale} AS INTEGER) / ${scale}.0)`;
  }],
  fixed("PI", 0, () => "3.141593"),
  ["FORMAT", ({ args }) => args.length < 2 ? undefined : `format('%,.' || (${args[1]}) || 'f', ${args[0]})`],

  part("YEAR", "%Y"),
  part("MONTH", "%m"),
  part("DAY", "%d"),
  part("DAYOFMONTH", "%d"),
  part("DAYOFYEAR", "%j"),
  part("HOUR", "%H"),
  part("MINUTE", "%M"),
  part("SECOND", "%S"),
  fixed("DAYOFWEEK", 1, (x) => `(CAST(strftime('%w', ${x}) AS INTEGER) + 1)`),
  fixed("WEEKDAY", 1, (x) => `((CAST(strftime('%w', ${x}) AS INTEGER) + 6) % 7)`),
  fixed("QUARTER", 1, (x) => `((CAST(strftime('%m', ${x}) AS INTEGER) + 2) / 3)`),
  fixed("LAST_DAY", 1, (x) => `date(${x}, 'start of month', '+1 month', '-1 day')`),
  fixed("DATEDIFF", 2, (a, b) => `CAST(julianday(date(${a})) - julianday(date(${b})) AS INTEGER)`),
  ["EXTRACT", ({ args }) => {
    const [unit = "", date = "NULL"] = args;
    const format = { YEAR: "%Y", MONTH: "%m", DAY: "%d", HOUR: "%H", MINUTE: "%M", SECOND: "%S" }[unit.toUpperCase()];
    return format === undefined ? undefined : `CAST(strftime('${format}', ${date}) AS INTEGER)`;
  }],
  ["DATE_FORMAT", ({ args }) => {
    const [date = "NULL", format = "''"] = args;
    return `strftime(${dateFormat(format)}, ${date})`;
  }],
  ["UNIX_TIMESTAMP", ({ args }) => `CAST(strftime('%s', ${args[0] ?? "'now'"}) AS INTEGER)`],
  fixed("FROM_UNIXTIME", 1, (x) => `datetime(${x}, 'unixepoch')`),
  ["DATE_ADD", shift("+")],
  ["ADDDATE", shift("+")],
  ["DATE_SUB", shift("-")],
  ["SUBDATE", shift("-")],
]);

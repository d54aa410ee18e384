/**
 * The demo server's errors: what an ERR packet carries, and how SQLite's complaints become MySQL's.
 *
 * Numbers, states and texts are those of the "Server Error Message Reference" in MySQL's manual.
 *
 * @module
 */

/** An error that the client gets as an ERR packet; the connection goes on. */
export class SqlError extends Error {
  /** MySQL's error number, e.g. 1146. */
  readonly code: number;
  /** The five characters of the SQLSTATE, e.g. `42S02`. */
  readonly sqlState: string;

  constructor(code: number, sqlState: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "SqlError";
    this.code = code;
    this.sqlState = sqlState;
  }
}

/** 1064, with the rest of the statement from where it could not be read. */
export function syntaxError(near: string, line = 1): SqlError {
  return new SqlError(
    1064,
    "42000",
    "You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version for the " +
      `right syntax to use near '${near.slice(0, 80)}' at line ${line}`,
  );
}

/** 1235: the statement is MySQL's, but this small server has no such thing. */
export function notSupported(what: string): SqlError {
  return new SqlError(1235, "42000", `This version of MySQL doesn't yet support '${what}'`);
}

/** 1046. */
export function noDatabase(): SqlError {
  return new SqlError(1046, "3D000", "No database selected");
}

/** 1049. */
export function unknownDatabase(name: string): SqlError {
  return new SqlError(1049, "42000", `Unknown database '${name}'`);
}

/** 1146. */
export function noSuchTable(database: string, table: string): SqlError {
  return new SqlError(1146, "42S02", `Table '${database}.${table}' doesn't exist`);
}

/** 1193. */
export function unknownVariable(name: string): SqlError {
  return new SqlError(1193, "HY000", `Unknown system variable '${name}'`);
}

/** 1290, what `--read-only` answers to a write. */
export function readOnlyServer(): SqlError {
  return new SqlError(
    1290,
    "HY000",
    "The MySQL server is running with the --read-only option so it cannot execute this statement",
  );
}

/** What the statement was, to fill in what SQLite's message leaves out. */
export interface FailedStatement {
  /** The statement as the client sent it. */
  readonly source: string;
  readonly database: string;
  /** The name of the key that consists of these columns. */
  readonly keyOf?: (table: string, columns: readonly string[]) => string | undefined;
  /** Finds the value that a duplicate key had, if the statement lets it be found. */
  readonly duplicate?: (columns: readonly string[]) => string | undefined;
}

type Rule = readonly [pattern: RegExp, make: (match: RegExpMatchArray, failed: FailedStatement) => SqlError];

function near(word: string, source: string): SqlError {
  const at = word === "" ? source.length : source.toLowerCase().lastIndexOf(word.toLowerCase());
  const from = Math.max(at, 0);
  return syntaxError(source.slice(from), source.slice(0, from).split("\n").length);
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf(".") + 1);
}

function qualified(name: string, database: string): [string, string] {
  const bare = name.replace(/^(main|temp)\./, "");
  const dot = bare.indexOf(".");
  return dot < 0 ? [database, bare] : [bare.slice(0, dot), bare.slice(dot + 1)];
}

const RULES: readonly Rule[] = [
  [/near "(.*?)": syntax error/s, ([, word = ""], { source }) => near(word, source)],
  [/'(\w+)' is not a function/, ([, word = ""], { source }) => near(word, source)],
  [/unrecognized token: "(.*?)"/s, ([, word = ""], { source }) => near(word, source)],
  [/incomplete input/, (_, { source }) => near("", source)],
  [/no such table: ([^\n]+?)(?: in .*)?$/s, ([, name = ""], { database, source }) => {
    if (/^\s*drop\b/i.test(source)) {
      return new SqlError(1051, "42S02", `Unknown table '${qualified(name, database).join(".")}'`);
    }
    return noSuchTable(...qualified(name, database));
  }],
  [/no such column: "?(.*?)"?(?: - should this be .*)?(?: in .*)?$/s, ([, name = ""]) => {
    return new SqlError(1054, "42S22", `Unknown column '${name}' in 'field list'`);
  }],
  [/table (\S+) has no column named (\S+?)(?: in .*)?$/s, ([, , name = ""]) => {
    return new SqlError(1054, "42S22", `Unknown column '${name}' in 'field list'`);
  }],
  [/ambiguous column name: (\S+)/, ([, name = ""]) => {
    return new SqlError(1052, "23000", `Column '${name}' in field list is ambiguous`);
  }],
  [/no such function: (\S+)/, ([, name = ""], { database }) => {
    return new SqlError(1305, "42000", `FUNCTION ${database}.${name} does not exist`);
  }],
  [/wrong number of arguments to function (\w+)/, ([, name = ""]) => {
    return new SqlError(1582, "42000", `Incorrect parameter count in the call to native function '${name}'`);
  }],
  [/misuse of aggregate|misuse of window function/, () => new SqlError(1111, "HY000", "Invalid use of group function")],
  [/has \d+ columns but \d+ values were supplied|\d+ values for \d+ columns/, () => {
    return new SqlError(1136, "21S01", "Column count doesn't match value count at row 1");
  }],
  [/all VALUES must have the same number of terms/, () => {
    return new SqlError(1136, "21S01", "Column count doesn't match value count at row 2");
  }],
  [/SELECTs to the left and right of .* do not have the same number of result columns/, () => {
    return new SqlError(1222, "21000", "The used SELECT statements have a different number of columns");
  }],
  [/sub-select returns (\d+) columns - expected (\d+)/, ([, , expected = "1"]) => {
    return new SqlError(1241, "21000", `Operand should contain ${expected} column(s)`);
  }],
  [/UNIQUE constraint failed: (.+)$/s, ([, names = ""], { duplicate, keyOf }) => {
    const columns = names.replace(/^index '|'$/g, "").split(", ");
    const [first = ""] = columns;
    const table = first.split(".")[0] ?? "";
    const bare = columns.map(lastPart);
    const value = duplicate?.(bare) ?? "?";
    const key = keyOf?.(table, bare) ?? bare.join("_");
    return new SqlError(1062, "23000", `Duplicate entry '${value}' for key '${table}.${key}'`);
  }],
  [/NOT NULL constraint failed: (\S+)/, ([, name = ""]) => {
    return new SqlError(1048, "23000", `Column '${lastPart(name)}' cannot be null`);
  }],
  [/FOREIGN KEY constraint failed/, (_, { source }) => {
    return /^\s*(delete|drop|truncate)/i.test(source)
      ? new SqlError(1451, "23000", "Cannot delete or update a parent row: a foreign key constraint fails")
      : new SqlError(1452, "23000", "Cannot add or update a child row: a foreign key constraint fails");
  }],
  [/CHECK constraint failed: (.+)$/s, ([, name = ""]) => {
    return new SqlError(3819, "HY000", `Check constraint '${name}' is violated.`);
  }],
  [/table "?(.+?)"? already exists/, ([, name = ""]) => new SqlError(1050, "42S01", `Table '${name}' already exists`)],
  [/view "?(.+?)"? already exists/, ([, name = ""]) => new SqlError(1050, "42S01", `Table '${name}' already exists`)],
  [/use DROP VIEW to delete view (\S+)/, ([, name = ""], { database }) => {
    return new SqlError(1051, "42S02", `Unknown table '${qualified(name, database).join(".")}'`);
  }],
  [/use DROP TABLE to delete table (\S+)/, ([, name = ""], { database }) => {
    return new SqlError(1347, "HY000", `'${qualified(name, database).join(".")}' is not VIEW`);
  }],
  [/no such view: (\S+)/, ([, name = ""], { database }) => {
    return new SqlError(1051, "42S02", `Unknown table '${qualified(name, database).join(".")}'`);
  }],
  [/index (\S+) already exists/, ([, name = ""]) => {
    return new SqlError(1061, "42000", `Duplicate key name '${lastPart(name)}'`);
  }],
  [/no such index: (\S+)/, ([, name = ""]) => {
    return new SqlError(1091, "42000", `Can't DROP '${lastPart(name)}'; check that column/key exists`);
  }],
  [/duplicate column name: (\S+)/, ([, name = ""]) => new SqlError(1060, "42S21", `Duplicate column name '${name}'`)],
  [/unknown database:? "?(\S+?)"?$/, ([, name = ""]) => unknownDatabase(name)],
  [/cannot modify .* because it is a view/, () => new SqlError(1288, "HY000", "The target table is not updatable")],
  [/no such savepoint: (\S+)/, ([, name = ""]) => {
    return new SqlError(1305, "42000", `SAVEPOINT ${name} does not exist`);
  }],
  [/integer overflow/, () => new SqlError(1690, "22003", "BIGINT value is out of range")],
  [/string or blob too big/, () => {
    return new SqlError(1153, "08S01", "Got a packet bigger than 'max_allowed_packet' bytes");
  }],
];

/** Turns what node:sqlite threw into the error that MySQL gives for the same mistake; 1105 where none is like it. */
export function fromSqlite(error: unknown, failed: FailedStatement): SqlError {
  if (error instanceof SqlError) return error;
  // Some versions of node:sqlite put the whole statement behind the message.
  const message = (error instanceof Error ? error.message : String(error)).slice(0, 1000);
  for (const [pattern, make] of RULES) {
    const match = message.match(pattern);
    if (match) {
      const made = make(match, failed);
      made.cause = error;
      return made;
    }
  }
  return new SqlError(1105, "HY000", `Unknown error: ${message}`, { cause: error });
}

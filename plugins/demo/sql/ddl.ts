/**
 * CREATE, ALTER, DROP, RENAME and TRUNCATE as lists of SQLite statements.
 *
 * An index belongs to its table in MySQL and to the database in SQLite, so it is called `table.index` inside.
 *
 * @module
 */
import { type ColumnDdl, type ExpressionWriter, readColumn, readKeyColumns, writeColumn } from "./column_ddl.ts";
import { notSupported, SqlError } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { findOutside, isToken, splitAtCommas, TokenCursor } from "./token_list.ts";
import { quoteName } from "./quoting.ts";

/** SQLite statements that together do what one MySQL statement says, and the temporary tables that they make. */
export interface Ddl {
  readonly statements: readonly string[];
  readonly temporary?: string;
}

/** The name under which SQLite keeps an index. */
export function indexName(table: string, index: string): string {
  return `${table}.${index}`;
}

function createIndex(table: string, index: string, columns: readonly string[], unique: boolean): string {
  return `CREATE ${unique ? "UNIQUE " : ""}INDEX ${quoteName(indexName(table, index))} ON ${quoteName(table)} (${
    columns.map(quoteName).join(", ")
  })`;
}

interface TableParts {
  readonly columns: ColumnDdl[];
  readonly constraints: string[];
  readonly indexes: string[];
  primaryKey: readonly string[];
}

/** Reads a key or constraint of a table; `false` if the tokens define a column. */
function readTableElement(
  tokens: readonly Token[],
  table: string,
  parts: TableParts,
  source: string,
  write: ExpressionWriter,
) {
  const cursor = new TokenCursor(tokens, source);
  const constraint = cursor.take("CONSTRAINT") && !/^(PRIMARY|UNIQUE|FOREIGN|CHECK)$/.test(cursor.peek?.upper ?? "")
    ? cursor.name()
    : undefined;
  const keyName = () => {
    const named = isToken(cursor.peek, "(") || isToken(cursor.peek, "USING") ? undefined : cursor.name();
    if (cursor.take("USING")) cursor.next();
    return named;
  };
  if (cursor.take("PRIMARY", "KEY")) {
    keyName();
    parts.primaryKey = readKeyColumns(cursor.group());
  } else if (cursor.take("FOREIGN", "KEY")) {
    keyName();
    const columns = readKeyColumns(cursor.group());
    cursor.expect("REFERENCES");
    const { name: parent } = cursor.qualifiedName();
    const references = readKeyColumns(cursor.group());
    const actions = cursor.rest().map(({ upper }) => upper).join(" ");
    const named = constraint === undefined ? "" : `CONSTRAINT ${quoteName(constraint)} `;
    parts.constraints.push(
      `${named}FOREIGN KEY (${columns.map(quoteName).join(", ")}) REFERENCES ${quoteName(parent)} (${
        references.map(quoteName).join(", ")
      }) ${actions}`,
    );
  } else if (cursor.take("CHECK")) {
    const named = constraint === undefined ? "" : `CONSTRAINT ${quoteName(constraint)} `;
    parts.constraints.push(`${named}CHECK (${write(cursor.group())})`);
  } else if (isToken(cursor.peek, "UNIQUE") || isToken(cursor.peek, "KEY") || isToken(cursor.peek, "INDEX")) {
    const unique = cursor.take("UNIQUE");
    cursor.takeAny("KEY", "INDEX");
    const given = keyName() ?? constraint;
    const columns = readKeyColumns(cursor.group());
    parts.indexes.push(createIndex(table, given ?? columns[0] ?? "key", columns, unique));
  } else if (cursor.takeAny("FULLTEXT", "SPATIAL") !== undefined) {
    // No such indexes here; the columns work without them.
  } else return false;
  return true;
}

function createTable(cursor: TokenCursor, source: string, write: ExpressionWriter, temporary: boolean): Ddl {
  const ifNotExists = cursor.take("IF", "NOT", "EXISTS") ? "IF NOT EXISTS " : "";
  const { name: table } = cursor.qualifiedName();
  const head = `CREATE ${temporary ? "TEMP " : ""}TABLE ${ifNotExists}${quoteName(table)}`;
  const made = (statements: string[]): Ddl => temporary ? { statements, temporary: table } : { statements };
  if (cursor.take("LIKE")) throw notSupported("CREATE TABLE ... LIKE");
  if (isToken(cursor.peek, "AS") || isToken(cursor.peek, "SELECT")) {
    cursor.take("AS");
    return made([`${head} AS ${write(cursor.rest())}`]);
  }
  const parts: TableParts = { columns: [], constraints: [], indexes: [], primaryKey: [] };
  for (const element of splitAtCommas(cursor.group())) {
    const quoted = element[0]?.kind === "name";
    if (quoted || !readTableElement(element, table, parts, source, write)) {
      parts.columns.push(readColumn(element, source, write));
    }
  }
  const numbering = parts.columns.find(({ autoIncrement }) => autoIncrement);
  const keyed = parts.primaryKey.length === 0 ? numbering?.primaryKey : parts.primaryKey[0] === numbering?.name;
  if (numbering !== undefined && (!keyed || parts.primaryKey.length > 1)) {
    const unique = / UNIQUE\b/.test(numbering.constraints) || parts.indexes.length > 0;
    if (!unique || parts.primaryKey.length > 0) {
      throw new SqlError(
        1075,
        "42000",
        "Incorrect table definition; there can be only one auto column and it must be defined as a key",
      );
    }
  }
  const body = parts.columns.map((column) => writeColumn(column, column === numbering));
  if (parts.primaryKey.length > 0 && numbering === undefined) {
    body.push(`PRIMARY KEY (${parts.primaryKey.map(quoteName).join(", ")})`);
  }
  body.push(...parts.constraints);
  // What is left are options (ENGINE, CHARSET, COMMENT), which mean nothing here, or AS SELECT.
  const selectAt = findOutside(cursor.tokens, cursor.at, "SELECT");
  if (selectAt < cursor.tokens.length) throw notSupported("CREATE TABLE (...) SELECT");
  const indexes = ifNotExists === ""
    ? parts.indexes
    : parts.indexes.map((sql) => sql.replace("INDEX ", "INDEX IF NOT EXISTS "));
  return made([`${head} (${body.join(", ")})`, ...indexes]);
}

function createView(cursor: TokenCursor, write: ExpressionWriter, orReplace: boolean): Ddl {
  const { name: view } = cursor.qualifiedName();
  const columns = isToken(cursor.peek, "(") ? ` (${readKeyColumns(cursor.group()).map(quoteName).join(", ")})` : "";
  cursor.expect("AS");
  const rest = cursor.rest();
  const checkAt = findOutside(rest, 0, "WITH");
  const select = checkAt > 0 ? rest.slice(0, checkAt) : rest;
  const statements = [`CREATE VIEW ${quoteName(view)}${columns} AS ${write(select)}`];
  if (orReplace) statements.unshift(`DROP VIEW IF EXISTS ${quoteName(view)}`);
  return { statements };
}

function create(cursor: TokenCursor, source: string, write: ExpressionWriter): Ddl {
  const orReplace = cursor.take("OR", "REPLACE");
  const temporary = cursor.take("TEMPORARY");
  if (cursor.take("TABLE")) return createTable(cursor, source, write, temporary);
  const viewAt = cursor.tokens.findIndex((token) => isToken(token, "VIEW"));
  if (viewAt > 0 && viewAt < findOutside(cursor.tokens, 0, "AS", "BEGIN")) {
    cursor.at = viewAt + 1;
    return createView(cursor, write, orReplace);
  }
  const unique = cursor.take("UNIQUE");
  if (cursor.take("INDEX")) {
    const index = cursor.name();
    if (cursor.take("USING")) cursor.next();
    cursor.expect("ON");
    const { name: table } = cursor.qualifiedName();
    return { statements: [createIndex(table, index, readKeyColumns(cursor.group()), unique)] };
  }
  throw notSupported(`CREATE ${cursor.peek?.upper ?? ""}`);
}

function drop(cursor: TokenCursor, isView: (name: string) => boolean): Ddl {
  cursor.take("TEMPORARY");
  const kind = cursor.takeAny("TABLE", "TABLES", "VIEW", "INDEX");
  if (kind === undefined) throw notSupported(`DROP ${cursor.peek?.upper ?? ""}`);
  if (kind === "INDEX") {
    const index = cursor.name();
    cursor.expect("ON");
    return { statements: [`DROP INDEX ${quoteName(indexName(cursor.qualifiedName().name, index))}`] };
  }
  const ifExists = cursor.take("IF", "EXISTS") ? "IF EXISTS " : "";
  const statements: string[] = [];
  do {
    const { name } = cursor.qualifiedName();
    // DROP TABLE does not see views; dumps rely on it.
    if (kind !== "VIEW" && ifExists !== "" && isView(name)) continue;
    statements.push(`DROP ${kind === "VIEW" ? "VIEW" : "TABLE"} ${ifExists}${quoteName(name)}`);
  } while (cursor.take(","));
  return { statements };
}

function alterAction(tokens: readonly Token[], table: string, source: string, write: ExpressionWriter): string[] {
  const cursor = new TokenCursor(tokens, source);
  const head = `ALTER TABLE ${quoteName(table)}`;
  if (cursor.take("ADD")) {
    const parts: TableParts = { columns: [], constraints: [], indexes: [], primaryKey: [] };
    const rest = cursor.tokens.slice(cursor.at);
    if (rest[0]?.kind !== "name" && readTableElement(rest, table, parts, source, write)) {
      if (parts.constraints.length > 0 || parts.primaryKey.length > 0) {
        throw notSupported("ALTER TABLE ... ADD CONSTRAINT");
      }
      return parts.indexes;
    }
    cursor.take("COLUMN");
    const columns = isToken(cursor.peek, "(") ? splitAtCommas(cursor.group()) : [cursor.rest()];
    return columns.map((column) => `${head} ADD COLUMN ${writeColumn(readColumn(column, source, write), false)}`);
  }
  if (cursor.take("DROP")) {
    if (cursor.takeAny("INDEX", "KEY") !== undefined) {
      return [`DROP INDEX ${quoteName(indexName(table, cursor.name()))}`];
    }
    if (cursor.takeAny("PRIMARY", "FOREIGN", "CONSTRAINT") !== undefined) {
      throw notSupported("ALTER TABLE ... DROP KEY");
    }
    cursor.take("COLUMN");
    return [`${head} DROP COLUMN ${quoteName(cursor.name())}`];
  }
  if (cursor.take("RENAME", "COLUMN")) {
    const from = cursor.name();
    cursor.expect("TO");
    return [`${head} RENAME COLUMN ${quoteName(from)} TO ${quoteName(cursor.name())}`];
  }
  if (cursor.take("RENAME")) {
    cursor.takeAny("TO", "AS");
    return [`${head} RENAME TO ${quoteName(cursor.qualifiedName().name)}`];
  }
  if (cursor.takeAny("MODIFY", "CHANGE", "ALTER", "ORDER", "PARTITION") !== undefined) {
    throw notSupported(`ALTER TABLE ... ${tokens[0]?.upper ?? ""}`);
  }
  // DISABLE KEYS, ENGINE=…, AUTO_INCREMENT=…, CONVERT TO …: nothing to do.
  return [];
}

/**
 * Reads a statement that defines or drops something.
 *
 * @throws {SqlError} 1064 or 1235.
 */
export function readDdl(
  tokens: readonly Token[],
  source: string,
  write: ExpressionWriter,
  isView: (name: string) => boolean,
): Ddl {
  const cursor = new TokenCursor(tokens, source);
  if (cursor.take("CREATE")) return create(cursor, source, write);
  if (cursor.take("DROP")) return drop(cursor, isView);
  if (cursor.take("ALTER", "TABLE")) {
    const { name: table } = cursor.qualifiedName();
    return { statements: splitAtCommas(cursor.rest()).flatMap((action) => alterAction(action, table, source, write)) };
  }
  if (cursor.take("RENAME", "TABLE")) {
    const statements: string[] = [];
    do {
      const { name: from } = cursor.qualifiedName();
      cursor.expect("TO");
      statements.push(`ALTER TABLE ${quoteName(from)} RENAME TO ${quoteName(cursor.qualifiedName().name)}`);
    } while (cursor.take(","));
    return { statements };
  }
  if (cursor.take("TRUNCATE")) {
    cursor.take("TABLE");
    const { name: table } = cursor.qualifiedName();
    const quoted = `'${table.replaceAll("'", "''")}'`;
    return {
      statements: [`DELETE FROM ${quoteName(table)}`, `DELETE FROM sqlite_sequence WHERE name = ${quoted}`],
    };
  }
  throw notSupported(tokens.slice(0, 2).map(({ upper }) => upper).join(" "));
}

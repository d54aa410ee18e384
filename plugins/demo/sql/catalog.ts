/**
 * What tables there are, read from SQLite's pragmas and told in MySQL's terms.
 *
 * @module
 */
import { quoteName } from "./quoting.ts";
import type { Sqlite } from "./sqlite.ts";
import { mysqlTypeName } from "./value_type.ts";

/** A column of a table. */
export interface CatalogColumn {
  readonly name: string;
  /** The type as MySQL spells it. */
  readonly type: string;
  readonly nullable: boolean;
  readonly key: "" | "PRI" | "UNI" | "MUL";
  /** The default as MySQL shows it; null for none. */
  readonly default: string | null;
  readonly extra: string;
  readonly text: boolean;
}

/** A key of a table; the primary one is called `PRIMARY`. */
export interface CatalogIndex {
  readonly name: string;
  readonly unique: boolean;
  readonly columns: readonly string[];
}

/** A foreign key. */
export interface CatalogForeignKey {
  readonly name: string;
  readonly columns: readonly string[];
  readonly parent: string;
  readonly references: readonly string[];
  readonly onDelete: string;
  readonly onUpdate: string;
}

/** A table or view. */
export interface CatalogTable {
  readonly name: string;
  readonly kind: "BASE TABLE" | "VIEW";
  readonly columns: readonly CatalogColumn[];
  readonly indexes: readonly CatalogIndex[];
  readonly foreignKeys: readonly CatalogForeignKey[];
  /** SQLite's own text of the definition. */
  readonly sql: string;
  readonly temporary: boolean;
}

interface Default {
  readonly value: string | null;
  readonly generated: boolean;
}

function readDefault(text: string | null): Default {
  if (text === null || text.toUpperCase() === "NULL") return { value: null, generated: false };
  if (text.startsWith("'")) return { value: text.slice(1, -1).replaceAll("''", "'"), generated: false };
  if (/datetime\('now'\)/.test(text)) return { value: "CURRENT_TIMESTAMP", generated: true };
  if (/^[-+]?[\d.]+$/.test(text)) return { value: text, generated: false };
  if (/^true$/i.test(text)) return { value: "1", generated: false };
  if (/^false$/i.test(text)) return { value: "0", generated: false };
  return { value: text, generated: true };
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}

/** Reads the catalog; keeps what it read until {@linkcode Catalog.changed} is called. */
export class Catalog {
  readonly #sqlite: Sqlite;
  #tables: ReadonlyMap<string, CatalogTable> | undefined;

  constructor(sqlite: Sqlite) {
    this.#sqlite = sqlite;
  }

  /** To be called after every statement that defines or drops something. */
  changed(): void {
    this.#tables = undefined;
  }

  /** All tables and views by name. */
  tables(): CatalogTable[] {
    return [...this.#read().values()];
  }

  /** A table by its name, in any case. */
  table(name: string): CatalogTable | undefined {
    return this.#read().get(name.toLowerCase());
  }

  #read(): ReadonlyMap<string, CatalogTable> {
    if (this.#tables !== undefined) return this.#tables;
    const tables = new Map<string, CatalogTable>();
    for (const schema of ["main", "temp"]) {
      const rows = this.#sqlite.objects(
        `SELECT name, type, sql FROM ${schema}.sqlite_master WHERE type IN ('table', 'view')
         AND name NOT LIKE 'sqlite%' AND name NOT LIKE '~%' AND name NOT LIKE '%\\_schema.%' ESCAPE '\\' ORDER BY name`,
      );
      for (const row of rows) {
        const name = String(row["name"]);
        const view = row["type"] === "view";
        tables.set(name.toLowerCase(), this.#readTable(schema, name, view, String(row["sql"] ?? "")));
      }
    }
    this.#tables = tables;
    return tables;
  }

  #readTable(schema: string, name: string, view: boolean, sql: string): CatalogTable {
    const indexes = view ? [] : this.#readIndexes(schema, name);
    const automatic = /\bAUTOINCREMENT\b/.test(sql);
    const raw = this.#readColumns(schema, name, view);
    const primary = raw.filter((row) => Number(row["pk"]) > 0).sort((a, b) => Number(a["pk"]) - Number(b["pk"]))
      .map((row) => String(row["name"]));
    if (primary.length > 0) indexes.unshift({ name: "PRIMARY", unique: true, columns: primary });
    const columns = raw.map((row): CatalogColumn => {
      const column = String(row["name"]);
      const type = mysqlTypeName(String(row["type"] ?? ""));
      const { value, generated } = readDefault(textOrNull(row["dflt_value"]));
      const isPrimary = primary.includes(column);
      const numbers = automatic && isPrimary;
      const extra = numbers ? "auto_increment" : generated ? "DEFAULT_GENERATED" : "";
      const first = indexes.filter((index) => index.columns[0] === column);
      const unique = first.some((index) => index.unique && index.columns.length === 1);
      return {
        name: column,
        type,
        nullable: !isPrimary && Number(row["notnull"]) === 0,
        key: isPrimary ? "PRI" : unique ? "UNI" : first.length > 0 ? "MUL" : "",
        default: value,
        extra: Number(row["hidden"]) === 2
          ? "VIRTUAL GENERATED"
          : Number(row["hidden"]) === 3
          ? "STORED GENERATED"
          : extra,
        text: /char|text|enum/.test(type),
      };
    });
    return {
      name,
      kind: view ? "VIEW" : "BASE TABLE",
      columns,
      indexes,
      foreignKeys: view ? [] : this.#readForeignKeys(schema, name),
      sql,
      temporary: schema === "temp",
    };
  }

  #readColumns(schema: string, table: string, view: boolean): Record<string, unknown>[] {
    try {
      return this.#sqlite.objects(`PRAGMA ${schema}.table_xinfo(${quoteName(table)})`);
    } catch (error) {
      // A view whose tables are gone is still there, but nothing can be said of its columns.
      if (view) return [];
      throw error;
    }
  }

  #readIndexes(schema: string, table: string): CatalogIndex[] {
    const rows = this.#sqlite.objects(`PRAGMA ${schema}.index_list(${quoteName(table)})`);
    return rows.filter((row) => row["origin"] !== "pk").reverse().map((row) => {
      const inside = String(row["name"]);
      const columns = this.#sqlite.objects(`PRAGMA ${schema}.index_info(${quoteName(inside)})`).map((info) =>
        String(info["name"] ?? "")
      );
      const name = row["origin"] === "u" ? columns[0] ?? inside : inside.slice(inside.indexOf(".") + 1);
      return { name, unique: Number(row["unique"]) === 1, columns };
    });
  }

  #readForeignKeys(schema: string, table: string): CatalogForeignKey[] {
    const byId = new Map<number, Record<string, unknown>[]>();
    for (const row of this.#sqlite.objects(`PRAGMA ${schema}.foreign_key_list(${quoteName(table)})`)) {
      const id = Number(row["id"]);
      byId.set(id, [...byId.get(id) ?? [], row]);
    }
    return [...byId.values()].reverse().map((rows, index) => ({
      name: `${table}_ibfk_${index + 1}`,
      columns: rows.map((row) => String(row["from"])),
      parent: String(rows[0]?.["table"] ?? ""),
      references: rows.map((row) => String(row["to"] ?? "")),
      onDelete: String(rows[0]?.["on_delete"] ?? "NO ACTION"),
      onUpdate: String(rows[0]?.["on_update"] ?? "NO ACTION"),
    }));
  }
}

function backtick(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

function list(names: readonly string[]): string {
  return names.map(backtick).join(",");
}

/** The text of SHOW CREATE TABLE, which a MySQL server would take back. */
export function showCreateTable(table: CatalogTable): string {
  if (table.kind === "VIEW") {
    const body = table.sql.replace(/^CREATE VIEW\s+("[^"]*"|\S+)\s+AS\s+/i, "").replaceAll('"', "`");
    return `CREATE ALGORITHM=UNDEFINED DEFINER=\`root\`@\`localhost\` SQL SECURITY DEFINER VIEW ${
      backtick(table.name)
    } AS ${body}`;
  }
  const lines = table.columns.map((column) => {
    const parts = [backtick(column.name), column.type];
    if (!column.nullable) parts.push("NOT NULL");
    if (column.extra === "auto_increment") parts.push("AUTO_INCREMENT");
    else if (column.default !== null) {
      const plain = column.extra === "DEFAULT_GENERATED";
      const written = plain && column.default !== "CURRENT_TIMESTAMP" ? `(${column.default})` : column.default;
      parts.push("DEFAULT", plain ? written : `'${column.default.replaceAll("'", "''")}'`);
    } else if (column.nullable && !/text|blob|json/.test(column.type)) parts.push("DEFAULT NULL");
    return parts.join(" ");
  });
  for (const index of table.indexes) {
    if (index.name === "PRIMARY") lines.push(`PRIMARY KEY (${list(index.columns)})`);
    else lines.push(`${index.unique ? "UNIQUE " : ""}KEY ${backtick(index.name)} (${list(index.columns)})`);
  }
  for (const key of table.foreignKeys) {
    const actions = (key.onDelete === "NO ACTION" ? "" : ` ON DELETE ${key.onDelete}`) +
      (key.onUpdate === "NO ACTION" ? "" : ` ON UPDATE ${key.onUpdate}`);
    lines.push(
      `CONSTRAINT ${backtick(key.name)} FOREIGN KEY (${list(key.columns)}) REFERENCES ${backtick(key.parent)} (${
        list(key.references)
      })${actions}`,
    );
  }
  return `CREATE ${table.temporary ? "TEMPORARY " : ""}TABLE ${backtick(table.name)} (\n  ${
    lines.join(",\n  ")
  }\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci`;
}

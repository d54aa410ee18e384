/**
 * The catalog as rows of information_schema: one function per table, a row per thing that the table tells of.
 *
 * Values stand in the order of the columns that virtual_schema.ts declares.
 *
 * @module
 */
import type { CatalogColumn, CatalogTable } from "./catalog.ts";
import { DEFAULT_COLLATION } from "./character_sets.ts";
import { quoteName } from "./quoting.ts";
import type { SchemaSources } from "./schema_sources.ts";
import type { Value } from "./value_type.ts";

/** When the tables came to be, as far as CREATE_TIME goes: the start of the program. */
const STARTED = new Date().toISOString().slice(0, 19).replace("T", " ");

/** `varchar`, and the two numbers of its size. */
function typeParts(column: CatalogColumn): { base: string; first: bigint | null; second: bigint | null } {
  const [, base = "", first, second] = column.type.match(/^(\w+)(?:\((\d+)(?:,(\d+))?\))?/) ?? [];
  return { base, first: first ? BigInt(first) : null, second: second ? BigInt(second) : null };
}

/** NUMERIC_PRECISION of the integer types. */
const INTEGER_DIGITS: Readonly<Record<string, bigint>> = {
  tinyint: 3n,
  smallint: 5n,
  mediumint: 7n,
  int: 10n,
  bigint: 19n,
};

function columnRow(database: string, table: CatalogTable, column: CatalogColumn, index: number): Value[] {
  const { base, first, second } = typeParts(column);
  const digits = INTEGER_DIGITS[base] ??
    (base === "decimal" ? first : base === "double" ? 22n : base === "float" ? 12n : null);
  const scale = base === "decimal" ? second : base in INTEGER_DIGITS ? 0n : null;
  const textual = column.text || /blob|binary/.test(column.type);
  const length = textual ? first ?? (base.startsWith("long") ? 4294967295n : 65535n) : null;
  const time = /^(datetime|timestamp|time)$/.test(base);
  return [
    ...["def", database, table.name, column.name, BigInt(index + 1), column.default, column.nullable ? "YES" : "NO"],
    ...[base, length, length === null ? null : column.text ? length * 4n : length, digits, scale],
    ...[time ? first ?? 0n : null, column.text ? "utf8mb4" : null, column.text ? DEFAULT_COLLATION : null, column.type],
    ...[column.key, column.extra, "select,insert,update,references", "", "", null],
  ];
}

function tableRow({ mainDatabase, sqlite }: SchemaSources, table: CatalogTable): Value[] {
  const view = table.kind === "VIEW";
  const count = view ? null : sqlite.objects(`SELECT count(*) AS n FROM ${quoteName(table.name)}`)[0]?.["n"] ?? 0n;
  const numbers = table.columns.some(({ extra }) => extra === "auto_increment");
  const sequence = numbers
    ? sqlite.objects("SELECT seq FROM sqlite_sequence WHERE name = ?", [table.name])[0]?.["seq"] ?? 0n
    : null;
  const next = typeof sequence === "bigint" ? sequence + 1n : null;
  const size = view ? null : 16384n;
  return [
    ...["def", mainDatabase, table.name, table.kind, view ? null : "InnoDB", view ? null : 10n],
    ...[view ? null : "Dynamic", count, view ? null : 0n, size, view ? null : 0n, view ? null : 0n, view ? null : 0n],
    ...[
      next,
      view ? null : STARTED,
      null,
      null,
      view ? null : DEFAULT_COLLATION,
      null,
      view ? null : "",
      view ? "VIEW" : "",
    ],
  ];
}

/** Rows of TABLES, those of the virtual tables themselves excepted. */
export function tableRows(sources: SchemaSources): Value[][] {
  return sources.catalog.tables().filter(({ temporary }) => !temporary).map((table) => tableRow(sources, table));
}

/** Rows of COLUMNS. */
export function columnRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) =>
    table.columns.map((column, index) => columnRow(mainDatabase, table, column, index))
  );
}

/** Rows of VIEWS. */
export function viewRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().filter(({ kind }) => kind === "VIEW").map(({ name, sql }): Value[] => [
    ...["def", mainDatabase, name, sql, "NONE", "NO", "root@localhost", "DEFINER", "utf8mb4", DEFAULT_COLLATION],
  ]);
}

/** Rows of STATISTICS; SHOW INDEX shows the same. */
export function statisticsRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) =>
    table.indexes.flatMap((index) =>
      index.columns.map((column, at): Value[] => [
        ...["def", mainDatabase, table.name, index.unique ? 0n : 1n, mainDatabase, index.name, BigInt(at + 1), column],
        ...["A", 0n, null, null, table.columns.find(({ name }) => name === column)?.nullable ? "YES" : "", "BTREE", ""],
        ...["", "YES", null],
      ])
    )
  );
}

/** Rows of KEY_COLUMN_USAGE. */
export function keyColumnRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) => [
    ...table.indexes.filter(({ unique }) => unique).flatMap(({ name, columns }) =>
      columns.map((column, at): Value[] => [
        ...["def", mainDatabase, name, "def", mainDatabase, table.name, column, BigInt(at + 1), null, null, null, null],
      ])
    ),
    ...table.foreignKeys.flatMap(({ name, columns, parent, references }) =>
      columns.map((column, at): Value[] => [
        ...["def", mainDatabase, name, "def", mainDatabase, table.name, column, BigInt(at + 1), BigInt(at + 1)],
        ...[mainDatabase, parent, references[at] ?? ""],
      ])
    ),
  ]);
}

/** Rows of TABLE_CONSTRAINTS. */
export function constraintRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) => [
    ...table.indexes.filter(({ unique }) => unique).map(({ name }): Value[] => [
      ...["def", mainDatabase, name, mainDatabase, table.name, name === "PRIMARY" ? "PRIMARY KEY" : "UNIQUE", "YES"],
    ]),
    ...table.foreignKeys.map(({ name }): Value[] => [
      ...["def", mainDatabase, name, mainDatabase, table.name, "FOREIGN KEY", "YES"],
    ]),
  ]);
}

/** Rows of REFERENTIAL_CONSTRAINTS. */
export function referentialRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) =>
    table.foreignKeys.map((key): Value[] => [
      ...["def", mainDatabase, key.name, "def", mainDatabase, "PRIMARY", "NONE", key.onUpdate, key.onDelete],
      ...[table.name, key.parent],
    ])
  );
}

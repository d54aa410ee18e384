/**
 * `information_schema` and a little of `performance_schema`, as temporary tables called `schema.TABLE` that are filled
 * before a statement that names one runs, so that WHERE, joins and functions work on them.
 *
 * Columns are those of the manual's chapter "INFORMATION_SCHEMA Tables", without the ones nobody asks a demo for.
 *
 * @module
 */
import type { Catalog, CatalogColumn, CatalogTable } from "./catalog.ts";
import type { Sqlite } from "./sqlite.ts";
import { quoteName } from "./quoting.ts";
import type { Value } from "./value_type.ts";
import type { SystemVariables } from "./variables.ts";

/** A table by its columns and rows. */
export interface RowSource {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Value[])[];
}

/** One connection as SHOW PROCESSLIST tells of it. */
export interface Process {
  readonly id: number;
  readonly user: string;
  readonly host: string;
  readonly database: string | undefined;
  readonly command: string;
  /** Seconds since the command began. */
  readonly seconds: number;
  readonly info: string | undefined;
}

/** Where the rows come from. */
export interface SchemaSources {
  readonly catalog: Catalog;
  readonly sqlite: Sqlite;
  readonly mainDatabase: string;
  readonly variables: SystemVariables;
  processes(): readonly Process[];
  status(): readonly (readonly [name: string, value: string])[];
}

const COLLATION = "utf8mb4_0900_ai_ci";

/** Character sets as SHOW CHARACTER SET lists them. */
export const CHARACTER_SETS: RowSource = {
  columns: ["CHARACTER_SET_NAME", "DEFAULT_COLLATE_NAME", "DESCRIPTION", "MAXLEN"],
  rows: [
    ["ascii", "ascii_general_ci", "US ASCII", 1n],
    ["binary", "binary", "Binary pseudo charset", 1n],
    ["latin1", "latin1_swedish_ci", "cp1252 West European", 1n],
    ["utf8mb3", "utf8mb3_general_ci", "UTF-8 Unicode", 3n],
    ["utf8mb4", COLLATION, "UTF-8 Unicode", 4n],
  ],
};

/** Collations as SHOW COLLATION lists them. */
export const COLLATIONS: RowSource = {
  columns: ["COLLATION_NAME", "CHARACTER_SET_NAME", "ID", "IS_DEFAULT", "IS_COMPILED", "SORTLEN", "PAD_ATTRIBUTE"],
  rows: [
    ["ascii_general_ci", "ascii", 11n, "Yes", "Yes", 1n, "PAD SPACE"],
    ["binary", "binary", 63n, "Yes", "Yes", 1n, "NO PAD"],
    ["latin1_swedish_ci", "latin1", 8n, "Yes", "Yes", 1n, "PAD SPACE"],
    ["utf8mb3_general_ci", "utf8mb3", 33n, "Yes", "Yes", 1n, "PAD SPACE"],
    [COLLATION, "utf8mb4", 255n, "Yes", "Yes", 0n, "NO PAD"],
    ["utf8mb4_bin", "utf8mb4", 46n, "", "Yes", 1n, "PAD SPACE"],
    ["utf8mb4_general_ci", "utf8mb4", 45n, "", "Yes", 1n, "PAD SPACE"],
    ["utf8mb4_unicode_ci", "utf8mb4", 224n, "", "Yes", 8n, "PAD SPACE"],
  ],
};

/** The one storage engine that tables claim to have. */
export const ENGINES: RowSource = {
  columns: ["ENGINE", "SUPPORT", "COMMENT", "TRANSACTIONS", "XA", "SAVEPOINTS"],
  rows: [["InnoDB", "DEFAULT", "SQLite in memory, under the name that clients expect", "YES", "NO", "YES"]],
};

type Producer = (sources: SchemaSources) => RowSource;

function source(columns: string, rows: readonly (readonly Value[])[] = []): RowSource {
  return { columns: columns.split(" "), rows };
}

/** `varchar`, and the two numbers of its size. */
function typeParts(column: CatalogColumn): { base: string; first: bigint | null; second: bigint | null } {
  const [, base = "", first, second] = column.type.match(/^(\w+)(?:\((\d+)(?:,(\d+))?\))?/) ?? [];
  return { base, first: first ? BigInt(first) : null, second: second ? BigInt(second) : null };
}

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
    ...[time ? first ?? 0n : null, column.text ? "utf8mb4" : null, column.text ? COLLATION : null, column.type],
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
    ...[next, view ? null : STARTED, null, null, view ? null : COLLATION, null, view ? null : "", view ? "VIEW" : ""],
  ];
}

/** When the tables came to be, as far as CREATE_TIME goes: the start of the program. */
const STARTED = new Date().toISOString().slice(0, 19).replace("T", " ");

/** Rows of information_schema.STATISTICS; SHOW INDEX shows the same. */
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

function keyColumnRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
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

function constraintRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) => [
    ...table.indexes.filter(({ unique }) => unique).map(({ name }): Value[] => [
      ...["def", mainDatabase, name, mainDatabase, table.name, name === "PRIMARY" ? "PRIMARY KEY" : "UNIQUE", "YES"],
    ]),
    ...table.foreignKeys.map(({ name }): Value[] => [
      ...["def", mainDatabase, name, mainDatabase, table.name, "FOREIGN KEY", "YES"],
    ]),
  ]);
}

function referentialRows({ catalog, mainDatabase }: SchemaSources): Value[][] {
  return catalog.tables().flatMap((table) =>
    table.foreignKeys.map((key): Value[] => [
      ...[
        "def",
        mainDatabase,
        key.name,
        "def",
        mainDatabase,
        "PRIMARY",
        "NONE",
        key.onUpdate,
        key.onDelete,
        table.name,
      ],
      key.parent,
    ])
  );
}

const variableRows: Producer = ({ variables }) => source("VARIABLE_NAME VARIABLE_VALUE", variables.list());
const statusRows: Producer = (sources) =>
  source("VARIABLE_NAME VARIABLE_VALUE", sources.status().map(([name, value]) => [name, value]));

const PRODUCERS: Readonly<Record<string, Producer>> = {
  "information_schema.SCHEMATA": ({ mainDatabase }) =>
    source(
      "CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH DEFAULT_ENCRYPTION",
      ["information_schema", "performance_schema", mainDatabase].map((
        name,
      ) => ["def", name, "utf8mb4", COLLATION, null, "NO"]),
    ),
  "information_schema.TABLES": (sources) =>
    source(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION ROW_FORMAT TABLE_ROWS AVG_ROW_LENGTH DATA_LENGTH " +
        "MAX_DATA_LENGTH INDEX_LENGTH DATA_FREE AUTO_INCREMENT CREATE_TIME UPDATE_TIME CHECK_TIME TABLE_COLLATION " +
        "CHECKSUM CREATE_OPTIONS TABLE_COMMENT",
      [
        ...sources.catalog.tables().filter(({ temporary }) => !temporary).map((table) => tableRow(sources, table)),
        ...Object.keys(PRODUCERS).map((name): Value[] => {
          const [schema = "", table = ""] = name.split(".");
          return ["def", schema, table, "SYSTEM VIEW", ...Array.from({ length: 16 }, () => null), ""];
        }),
      ],
    ),
  "information_schema.COLUMNS": ({ catalog, mainDatabase }) =>
    source(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT IS_NULLABLE DATA_TYPE " +
        "CHARACTER_MAXIMUM_LENGTH CHARACTER_OCTET_LENGTH NUMERIC_PRECISION NUMERIC_SCALE DATETIME_PRECISION " +
        "CHARACTER_SET_NAME COLLATION_NAME COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT " +
        "GENERATION_EXPRESSION SRS_ID",
      catalog.tables().flatMap((table) =>
        table.columns.map((column, index) => columnRow(mainDatabase, table, column, index))
      ),
    ),
  "information_schema.STATISTICS": (sources) =>
    source(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME NON_UNIQUE INDEX_SCHEMA INDEX_NAME SEQ_IN_INDEX COLUMN_NAME COLLATION " +
        "CARDINALITY SUB_PART PACKED NULLABLE INDEX_TYPE COMMENT INDEX_COMMENT IS_VISIBLE EXPRESSION",
      statisticsRows(sources),
    ),
  "information_schema.KEY_COLUMN_USAGE": (sources) =>
    source(
      "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME " +
        "ORDINAL_POSITION POSITION_IN_UNIQUE_CONSTRAINT REFERENCED_TABLE_SCHEMA REFERENCED_TABLE_NAME " +
        "REFERENCED_COLUMN_NAME",
      keyColumnRows(sources),
    ),
  "information_schema.TABLE_CONSTRAINTS": (sources) =>
    source(
      "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME CONSTRAINT_TYPE ENFORCED",
      constraintRows(sources),
    ),
  "information_schema.REFERENTIAL_CONSTRAINTS": (sources) =>
    source(
      "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG UNIQUE_CONSTRAINT_SCHEMA " +
        "UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE TABLE_NAME REFERENCED_TABLE_NAME",
      referentialRows(sources),
    ),
  "information_schema.VIEWS": ({ catalog, mainDatabase }) =>
    source(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION CHECK_OPTION IS_UPDATABLE DEFINER SECURITY_TYPE " +
        "CHARACTER_SET_CLIENT COLLATION_CONNECTION",
      catalog.tables().filter(({ kind }) => kind === "VIEW").map(({ name, sql }) => [
        ...["def", mainDatabase, name, sql, "NONE", "NO", "root@localhost", "DEFINER", "utf8mb4", COLLATION],
      ]),
    ),
  "information_schema.CHARACTER_SETS": () => CHARACTER_SETS,
  "information_schema.COLLATIONS": () => COLLATIONS,
  "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY": () => ({
    columns: COLLATIONS.columns.slice(0, 2),
    rows: COLLATIONS.rows.map((row) => row.slice(0, 2)),
  }),
  "information_schema.ENGINES": () => ENGINES,
  "information_schema.PROCESSLIST": ({ processes }) =>
    source(
      "ID USER HOST DB COMMAND TIME STATE INFO",
      processes().map(({ id, user, host, database, command, seconds, info }) => [
        ...[BigInt(id), user, host, database ?? null, command, BigInt(seconds), "", info ?? null],
      ]),
    ),
  "information_schema.ROUTINES": () =>
    source(
      "SPECIFIC_NAME ROUTINE_CATALOG ROUTINE_SCHEMA ROUTINE_NAME ROUTINE_TYPE DATA_TYPE DTD_IDENTIFIER " +
        "ROUTINE_DEFINITION IS_DETERMINISTIC SQL_DATA_ACCESS SECURITY_TYPE CREATED LAST_ALTERED ROUTINE_COMMENT DEFINER",
    ),
  "information_schema.PARAMETERS": () =>
    source(
      "SPECIFIC_CATALOG SPECIFIC_SCHEMA SPECIFIC_NAME ORDINAL_POSITION PARAMETER_MODE PARAMETER_NAME DATA_TYPE " +
        "DTD_IDENTIFIER ROUTINE_TYPE",
    ),
  "information_schema.TRIGGERS": () =>
    source(
      "TRIGGER_CATALOG TRIGGER_SCHEMA TRIGGER_NAME EVENT_MANIPULATION EVENT_OBJECT_SCHEMA EVENT_OBJECT_TABLE " +
        "ACTION_STATEMENT ACTION_TIMING CREATED SQL_MODE DEFINER",
    ),
  "information_schema.EVENTS": () =>
    source("EVENT_CATALOG EVENT_SCHEMA EVENT_NAME DEFINER EVENT_DEFINITION EVENT_TYPE STATUS EVENT_COMMENT"),
  "information_schema.PARTITIONS": () =>
    source(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PARTITION_NAME PARTITION_ORDINAL_POSITION PARTITION_METHOD " +
        "PARTITION_EXPRESSION PARTITION_DESCRIPTION TABLE_ROWS",
    ),
  "information_schema.FILES": () =>
    source(
      "FILE_ID FILE_NAME FILE_TYPE TABLESPACE_NAME TABLE_SCHEMA TABLE_NAME LOGFILE_GROUP_NAME ENGINE " +
        "TOTAL_EXTENTS INITIAL_SIZE EXTENT_SIZE EXTRA",
    ),
  "information_schema.CHECK_CONSTRAINTS": () =>
    source("CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME CHECK_CLAUSE"),
  "information_schema.COLUMN_STATISTICS": () => source("SCHEMA_NAME TABLE_NAME COLUMN_NAME HISTOGRAM"),
  "information_schema.PLUGINS": () => source("PLUGIN_NAME PLUGIN_VERSION PLUGIN_STATUS PLUGIN_TYPE PLUGIN_LIBRARY"),
  "information_schema.USER_PRIVILEGES": () =>
    source("GRANTEE TABLE_CATALOG PRIVILEGE_TYPE IS_GRANTABLE", [["'demo'@'%'", "def", "SUPER", "YES"]]),
  "information_schema.SCHEMA_PRIVILEGES": () =>
    source("GRANTEE TABLE_CATALOG TABLE_SCHEMA PRIVILEGE_TYPE IS_GRANTABLE"),
  "performance_schema.SESSION_VARIABLES": variableRows,
  "performance_schema.GLOBAL_VARIABLES": variableRows,
  "performance_schema.SESSION_STATUS": statusRows,
  "performance_schema.GLOBAL_STATUS": statusRows,
};

/** The names of a virtual schema's tables. */
export function virtualTables(schema: string): string[] {
  const prefix = `${schema.toLowerCase()}.`;
  return Object.keys(PRODUCERS).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}

/** The columns of a virtual table. */
export function virtualColumns(schema: string, table: string, sources: SchemaSources): readonly string[] | undefined {
  return PRODUCERS[`${schema.toLowerCase()}.${table.toUpperCase()}`]?.(sources).columns;
}

/** Fills the virtual tables that `sql`, a translated statement, names. */
export function fillVirtualTables(sql: string, sources: SchemaSources): void {
  const { sqlite } = sources;
  for (const [name, produce] of Object.entries(PRODUCERS)) {
    if (!sql.includes(`temp.${quoteName(name)}`)) continue;
    const { columns, rows } = produce(sources);
    const declared = columns.map((column) => `${quoteName(column)} COLLATE NOCASE`).join(", ");
    sqlite.exec(
      `CREATE TEMP TABLE IF NOT EXISTS ${quoteName(name)} (${declared}); DELETE FROM temp.${quoteName(name)}`,
    );
    const insert = `INSERT INTO temp.${quoteName(name)} VALUES (${columns.map(() => "?").join(", ")})`;
    for (const row of rows) sqlite.run(insert, row);
  }
}

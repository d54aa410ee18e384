/**
 * `information_schema` and a little of `performance_schema`, as temporary tables called `schema.TABLE` that are filled
 * before a statement that names one runs, so that WHERE, joins and functions work on them.
 *
 * Columns are those of the manual's chapter "INFORMATION_SCHEMA Tables", without the ones nobody asks a demo for.
 *
 * @module
 */
import {
  columnRows,
  constraintRows,
  keyColumnRows,
  referentialRows,
  statisticsRows,
  tableRows,
  viewRows,
} from "./catalog_rows.ts";
import { CHARACTER_SETS, COLLATIONS, DEFAULT_COLLATION } from "./character_sets.ts";
import { quoteName } from "./quoting.ts";
import { type RowSource, rowSource } from "./row_source.ts";
import type { SchemaSources } from "./schema_sources.ts";
import type { Translation } from "./translation.ts";
import type { Value } from "./value_type.ts";

/** The one storage engine that tables claim to have. */
export const ENGINES: RowSource = {
  columns: ["ENGINE", "SUPPORT", "COMMENT", "TRANSACTIONS", "XA", "SAVEPOINTS"],
  rows: [["InnoDB", "DEFAULT", "SQLite in memory, under the name that clients expect", "YES", "NO", "YES"]],
};

/** Makes a virtual table as it is now. */
type Producer = (sources: SchemaSources) => RowSource;

const variableRows: Producer = ({ variables }) => rowSource("VARIABLE_NAME VARIABLE_VALUE", variables.list());
const statusRows: Producer = (sources) =>
  rowSource("VARIABLE_NAME VARIABLE_VALUE", sources.status().map(([name, value]) => [name, value]));

/** The virtual tables, by `schema.TABLE`. Those that are empty here are there because clients ask for them. */
const PRODUCERS: Readonly<Record<string, Producer>> = {
  "information_schema.SCHEMATA": ({ mainDatabase }) =>
    rowSource(
      "CATALOG_NAME SCHEMA_NAME DEFAULT_CHARACTER_SET_NAME DEFAULT_COLLATION_NAME SQL_PATH DEFAULT_ENCRYPTION",
      ["information_schema", "performance_schema", mainDatabase]
        .map((name) => ["def", name, "utf8mb4", DEFAULT_COLLATION, null, "NO"]),
    ),
  "information_schema.TABLES": (sources) =>
    rowSource(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME TABLE_TYPE ENGINE VERSION ROW_FORMAT TABLE_ROWS AVG_ROW_LENGTH DATA_LENGTH " +
        "MAX_DATA_LENGTH INDEX_LENGTH DATA_FREE AUTO_INCREMENT CREATE_TIME UPDATE_TIME CHECK_TIME TABLE_COLLATION " +
        "CHECKSUM CREATE_OPTIONS TABLE_COMMENT",
      [
        ...tableRows(sources),
        ...Object.keys(PRODUCERS).map((name): Value[] => {
          const [schema = "", table = ""] = name.split(".");
          return ["def", schema, table, "SYSTEM VIEW", ...Array.from({ length: 16 }, () => null), ""];
        }),
      ],
    ),
  "information_schema.COLUMNS": (sources) =>
    rowSource(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME ORDINAL_POSITION COLUMN_DEFAULT IS_NULLABLE DATA_TYPE " +
        "CHARACTER_MAXIMUM_LENGTH CHARACTER_OCTET_LENGTH NUMERIC_PRECISION NUMERIC_SCALE DATETIME_PRECISION " +
        "CHARACTER_SET_NAME COLLATION_NAME COLUMN_TYPE COLUMN_KEY EXTRA PRIVILEGES COLUMN_COMMENT " +
        "GENERATION_EXPRESSION SRS_ID",
      columnRows(sources),
    ),
  "information_schema.STATISTICS": (sources) =>
    rowSource(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME NON_UNIQUE INDEX_SCHEMA INDEX_NAME SEQ_IN_INDEX COLUMN_NAME COLLATION " +
        "CARDINALITY SUB_PART PACKED NULLABLE INDEX_TYPE COMMENT INDEX_COMMENT IS_VISIBLE EXPRESSION",
      statisticsRows(sources),
    ),
  "information_schema.KEY_COLUMN_USAGE": (sources) =>
    rowSource(
      "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_CATALOG TABLE_SCHEMA TABLE_NAME COLUMN_NAME " +
        "ORDINAL_POSITION POSITION_IN_UNIQUE_CONSTRAINT REFERENCED_TABLE_SCHEMA REFERENCED_TABLE_NAME " +
        "REFERENCED_COLUMN_NAME",
      keyColumnRows(sources),
    ),
  "information_schema.TABLE_CONSTRAINTS": (sources) =>
    rowSource(
      "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME TABLE_SCHEMA TABLE_NAME CONSTRAINT_TYPE ENFORCED",
      constraintRows(sources),
    ),
  "information_schema.REFERENTIAL_CONSTRAINTS": (sources) =>
    rowSource(
      "CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME UNIQUE_CONSTRAINT_CATALOG UNIQUE_CONSTRAINT_SCHEMA " +
        "UNIQUE_CONSTRAINT_NAME MATCH_OPTION UPDATE_RULE DELETE_RULE TABLE_NAME REFERENCED_TABLE_NAME",
      referentialRows(sources),
    ),
  "information_schema.VIEWS": (sources) =>
    rowSource(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME VIEW_DEFINITION CHECK_OPTION IS_UPDATABLE DEFINER SECURITY_TYPE " +
        "CHARACTER_SET_CLIENT COLLATION_CONNECTION",
      viewRows(sources),
    ),
  "information_schema.CHARACTER_SETS": () => CHARACTER_SETS,
  "information_schema.COLLATIONS": () => COLLATIONS,
  "information_schema.COLLATION_CHARACTER_SET_APPLICABILITY": () => ({
    columns: COLLATIONS.columns.slice(0, 2),
    rows: COLLATIONS.rows.map((row) => row.slice(0, 2)),
  }),
  "information_schema.ENGINES": () => ENGINES,
  "information_schema.PROCESSLIST": ({ processes }) =>
    rowSource(
      "ID USER HOST DB COMMAND TIME STATE INFO",
      processes().map(({ id, user, host, database, command, seconds, info }) => [
        ...[BigInt(id), user, host, database ?? null, command, BigInt(seconds), "", info ?? null],
      ]),
    ),
  "information_schema.ROUTINES": () =>
    rowSource(
      "SPECIFIC_NAME ROUTINE_CATALOG ROUTINE_SCHEMA ROUTINE_NAME ROUTINE_TYPE DATA_TYPE DTD_IDENTIFIER " +
        "ROUTINE_DEFINITION IS_DETERMINISTIC SQL_DATA_ACCESS SECURITY_TYPE CREATED LAST_ALTERED ROUTINE_COMMENT DEFINER",
    ),
  "information_schema.PARAMETERS": () =>
    rowSource(
      "SPECIFIC_CATALOG SPECIFIC_SCHEMA SPECIFIC_NAME ORDINAL_POSITION PARAMETER_MODE PARAMETER_NAME DATA_TYPE " +
        "DTD_IDENTIFIER ROUTINE_TYPE",
    ),
  "information_schema.TRIGGERS": () =>
    rowSource(
      "TRIGGER_CATALOG TRIGGER_SCHEMA TRIGGER_NAME EVENT_MANIPULATION EVENT_OBJECT_SCHEMA EVENT_OBJECT_TABLE " +
        "ACTION_STATEMENT ACTION_TIMING CREATED SQL_MODE DEFINER",
    ),
  "information_schema.EVENTS": () =>
    rowSource("EVENT_CATALOG EVENT_SCHEMA EVENT_NAME DEFINER EVENT_DEFINITION EVENT_TYPE STATUS EVENT_COMMENT"),
  "information_schema.PARTITIONS": () =>
    rowSource(
      "TABLE_CATALOG TABLE_SCHEMA TABLE_NAME PARTITION_NAME PARTITION_ORDINAL_POSITION PARTITION_METHOD " +
        "PARTITION_EXPRESSION PARTITION_DESCRIPTION TABLE_ROWS",
    ),
  "information_schema.FILES": () =>
    rowSource(
      "FILE_ID FILE_NAME FILE_TYPE TABLESPACE_NAME TABLE_SCHEMA TABLE_NAME LOGFILE_GROUP_NAME ENGINE " +
        "TOTAL_EXTENTS INITIAL_SIZE EXTENT_SIZE EXTRA",
    ),
  "information_schema.CHECK_CONSTRAINTS": () =>
    rowSource("CONSTRAINT_CATALOG CONSTRAINT_SCHEMA CONSTRAINT_NAME CHECK_CLAUSE"),
  "information_schema.COLUMN_STATISTICS": () => rowSource("SCHEMA_NAME TABLE_NAME COLUMN_NAME HISTOGRAM"),
  "information_schema.PLUGINS": () => rowSource("PLUGIN_NAME PLUGIN_VERSION PLUGIN_STATUS PLUGIN_TYPE PLUGIN_LIBRARY"),
  "information_schema.USER_PRIVILEGES": () =>
    rowSource("GRANTEE TABLE_CATALOG PRIVILEGE_TYPE IS_GRANTABLE", [["'demo'@'%'", "def", "SUPER", "YES"]]),
  "information_schema.SCHEMA_PRIVILEGES": () =>
    rowSource("GRANTEE TABLE_CATALOG TABLE_SCHEMA PRIVILEGE_TYPE IS_GRANTABLE"),
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

/** Fills the virtual tables that a translated statement reads, if it reads any. */
export function fillVirtualTables({ sql, schemas }: Translation, sources: SchemaSources): void {
  if (!schemas) return;
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

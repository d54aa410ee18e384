/**
 * Where the rows of virtual tables, and of SHOW, come from.
 *
 * @module
 */
import type { Catalog } from "./catalog.ts";
import type { Sqlite } from "./sqlite.ts";
import type { SystemVariables } from "./variables.ts";

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

/** Everything that the rows may be made from. */
export interface SchemaSources {
  readonly catalog: Catalog;
  readonly sqlite: Sqlite;
  readonly mainDatabase: string;
  readonly variables: SystemVariables;
  processes(): readonly Process[];
  status(): readonly (readonly [name: string, value: string])[];
}

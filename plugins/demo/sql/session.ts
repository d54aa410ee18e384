/**
 * One client's session: what its statements share, and what it keeps from one to the next.
 *
 * @module
 */
import { ServerStatus } from "../../../lib/protocol/status.ts";
import { type Database, DATABASE_NAME } from "./database.ts";
import { Interruption } from "./interruption.ts";
import { NamedStatements } from "./named_statements.ts";
import { quoteName, quoteString, quoteValue } from "./quoting.ts";
import type { Process, SchemaSources } from "./schema_sources.ts";
import type { Script } from "./script.ts";
import { readOnlyServer, unknownDatabase } from "./sql_error.ts";
import type { Token } from "./token.ts";
import { Transaction } from "./transaction.ts";
import { translate } from "./translate.ts";
import type { Translation, TranslationContext } from "./translation.ts";
import type { Value } from "./value_type.ts";
import { SERVER_VERSION, type ServerIdentity, SystemVariables } from "./variables.ts";

/** What a session needs of its server. */
export interface SessionServer {
  readonly identity: ServerIdentity;
  readonly database: Database;
  processes(): readonly Process[];
  status(): readonly (readonly [name: string, value: string])[];
  /** KILL. @throws {SqlError} 1094 if there is no such connection. */
  kill(connectionId: number, what: "query" | "connection"): void;
}

/** A note, warning or error of a statement, as SHOW WARNINGS tells of it. */
export type Warning = readonly [level: string, code: number, message: string];

/** One session. Statements of one session must not run at the same time. */
export class Session {
  readonly connectionId: number;
  readonly server: SessionServer;
  readonly variables: SystemVariables;
  readonly transaction: Transaction;
  readonly interruption = new Interruption();
  readonly namedStatements = new NamedStatements((name) => this.userVariable(name));
  /** The names of the session's temporary tables. */
  readonly temporaryTables = new Set<string>();
  readonly #userVariables = new Map<string, Value>();
  /** The default database. */
  database: string | undefined;
  /** `user@host`. */
  user = "";
  lastInsertId = 0n;
  /** Rows that the previous statement changed; -1 after one that returned rows. */
  rowCount = 0n;
  /** Rows that the previous statement with rows returned. */
  foundRows = 0n;
  /** What the previous statement complained of. */
  warnings: readonly Warning[] = [];

  constructor(connectionId: number, server: SessionServer) {
    this.connectionId = connectionId;
    this.server = server;
    this.variables = new SystemVariables(server.identity);
    this.transaction = new Transaction(server.database, this.variables);
  }

  /** The status flags of an answer. */
  get status(): number {
    const autocommit = this.autocommit ? ServerStatus.SERVER_STATUS_AUTOCOMMIT : 0;
    return autocommit | (this.transaction.open ? ServerStatus.SERVER_STATUS_IN_TRANS : 0);
  }

  get autocommit(): boolean {
    return this.variables.get("autocommit") === true;
  }

  /** Where the rows of virtual tables and of SHOW come from. */
  get sources(): SchemaSources {
    const { server, variables } = this;
    const { catalog, sqlite } = server.database;
    return {
      catalog,
      sqlite,
      mainDatabase: DATABASE_NAME,
      variables,
      processes: () => server.processes(),
      status: () => server.status(),
    };
  }

  /** USE and COM_INIT_DB. @throws {SqlError} 1049 */
  use(name: string): void {
    const known = name.toLowerCase();
    if (known !== DATABASE_NAME && known !== "information_schema" && known !== "performance_schema") {
      throw unknownDatabase(name);
    }
    this.database = known;
  }

  /** The value of `@name`. */
  userVariable(name: string): Value {
    return this.#userVariables.get(name.toLowerCase()) ?? null;
  }

  setUserVariable(name: string, value: Value): void {
    this.#userVariables.set(name.toLowerCase(), value);
  }

  /** @throws {SqlError} 1290 if nothing may be written. */
  requireWritable(): void {
    if (this.server.identity.readOnly || this.variables.get("transaction_read_only") === true) throw readOnlyServer();
  }

  /**
   * Translates a statement for this session.
   *
   * @param sleeps takes the pauses that the statement asks for, in seconds, as translated expressions.
   * @throws {SqlError}
   */
  translate(tokens: readonly Token[], script: Script, sleeps: string[] = []): Translation {
    const context: TranslationContext = {
      source: script.source,
      rawBytes: script.rawBytes,
      mainDatabase: DATABASE_NAME,
      database: this.database,
      user: this.user,
      connectionId: this.connectionId,
      version: SERVER_VERSION,
      lastInsertId: this.lastInsertId,
      rowCount: this.rowCount,
      foundRows: this.foundRows,
      sleep: (seconds) => sleeps.push(seconds),
      systemVariable: (name) => this.#systemLiteral(name),
      userVariable: (name) => quoteValue(this.userVariable(name)),
    };
    return translate(tokens, context);
  }

  #systemLiteral(name: string): string {
    const bare = name.toLowerCase().replace(/^(session|global|local)\./, "");
    if (bare === "warning_count" || bare === "error_count") return String(this.warnings.length);
    if (bare === "last_insert_id" || bare === "identity") return String(this.lastInsertId);
    if (bare === "timestamp") return String(Date.now() / 1000);
    const value = this.variables.get(name);
    if (value === null) return "NULL";
    if (typeof value === "string") return quoteString(value);
    return String(Number(value));
  }

  /** Forgets everything but the user, as COM_RESET_CONNECTION and COM_CHANGE_USER ask. */
  reset(): void {
    this.transaction.end("ROLLBACK");
    const { sqlite, catalog } = this.server.database;
    for (const table of this.temporaryTables) sqlite.exec(`DROP TABLE IF EXISTS temp.${quoteName(table)}`);
    if (this.temporaryTables.size > 0) catalog.changed();
    this.temporaryTables.clear();
    this.variables.reset();
    this.#userVariables.clear();
    this.namedStatements.clear();
    this.lastInsertId = 0n;
    this.warnings = [];
  }

  /** The line that COM_STATISTICS answers with. */
  statistics(): string {
    const status = new Map(this.server.status());
    return `Uptime: ${status.get("Uptime")}  Threads: ${status.get("Threads_connected")}  Questions: ` +
      `${status.get("Questions")}  Slow queries: 0  Opens: 0  Flush tables: 1  Open tables: 0`;
  }
}

/**
 * One client's session: its variables, its transaction, and the statements it runs.
 *
 * @module
 */
import type { ColumnDefinition } from "../../../lib/protocol/column_definition.ts";
import { ServerStatus } from "../../../lib/protocol/status.ts";
import { decodeText } from "../../../lib/protocol/text.ts";
import { type Database, DATABASE_NAME } from "./database.ts";
import { readDdl } from "./ddl.ts";
import { duplicateValue } from "./duplicate_value.ts";
import { parameterIndex, quoteBytes, quoteName, quoteString } from "./quoting.ts";
import { defineColumns, speaksOfDates } from "./result_columns.ts";
import { readScript, type Script, spellQuery } from "./script.ts";
import { type AssignedValue, readSet } from "./set_statement.ts";
import { describe, show, type ShowContext } from "./show.ts";
import { fromSqlite, notSupported, readOnlyServer, SqlError, syntaxError, unknownDatabase } from "./sql_error.ts";
import type { SqliteColumn } from "./sqlite.ts";
import type { Token } from "./token.ts";
import { findOutside, isToken, keyword, TokenCursor } from "./token_list.ts";
import { Transaction } from "./transaction.ts";
import { translate, type Translation, type TranslationContext } from "./translate.ts";
import type { Value } from "./value_type.ts";
import { SERVER_VERSION, type ServerIdentity, SystemVariables } from "./variables.ts";
import { fillVirtualTables, type Process, type RowSource, type SchemaSources } from "./virtual_schema.ts";
import { rewriteDelete, rewriteInsert, rewriteUpdate, type WriteStatement } from "./write_statement.ts";

/** What a statement without rows gave. */
export interface OkOutcome {
  readonly kind: "ok";
  readonly affectedRows: bigint;
  readonly lastInsertId: bigint;
  readonly info: string;
}

/** What a statement gave. */
export type Outcome =
  | OkOutcome
  | {
    readonly kind: "rows";
    readonly columns: readonly ColumnDefinition[];
    readonly rows: readonly (readonly Value[])[];
  };

/** What a session needs of its server. */
export interface SessionServer {
  readonly identity: ServerIdentity;
  readonly database: Database;
  processes(): readonly Process[];
  status(): readonly (readonly [name: string, value: string])[];
  /** KILL. @throws {SqlError} 1094 if there is no such connection. */
  kill(connectionId: number, what: "query" | "connection"): void;
}

/** A statement that PREPARE has read. */
export interface Prepared {
  readonly script: Script;
  readonly parameterCount: number;
  readonly columns: readonly ColumnDefinition[];
}

const DONE: OkOutcome = { kind: "ok", affectedRows: 0n, lastInsertId: 0n, info: "" };

/** How long SLEEP may take at most, in seconds; a timer cannot wait longer. */
const LONGEST_SLEEP = 2_000_000;

/** One session. Statements of one session must not run at the same time. */
export class Session {
  readonly connectionId: number;
  readonly variables: SystemVariables;
  database: string | undefined;
  /** `user@host`. */
  user = "";
  readonly #server: SessionServer;
  readonly #userVariables = new Map<string, Value>();
  readonly #named = new Map<string, Script>();
  readonly #temporary = new Set<string>();
  readonly #transaction: Transaction;
  #lastInsertId = 0n;
  #rowCount = 0n;
  #foundRows = 0n;
  #warnings: (readonly [string, number, string])[] = [];
  #interrupt = new AbortController();

  constructor(connectionId: number, server: SessionServer) {
    this.connectionId = connectionId;
    this.#server = server;
    this.variables = new SystemVariables(server.identity);
    this.#transaction = new Transaction(server.database, this.variables);
  }

  /** The status flags of an answer. */
  get status(): number {
    const autocommit = this.#autocommit ? ServerStatus.SERVER_STATUS_AUTOCOMMIT : 0;
    return autocommit | (this.#transaction.open ? ServerStatus.SERVER_STATUS_IN_TRANS : 0);
  }

  get #autocommit(): boolean {
    return this.variables.get("autocommit") === true;
  }

  /** USE and COM_INIT_DB. @throws {SqlError} 1049 */
  use(name: string): void {
    const known = name.toLowerCase();
    if (known !== DATABASE_NAME && known !== "information_schema" && known !== "performance_schema") {
      throw unknownDatabase(name);
    }
    this.database = known;
  }

  /** Ends what the running statement waits for, with error 1317. */
  interrupt(): void {
    this.#interrupt.abort(new SqlError(1317, "70100", "Query execution was interrupted"));
  }

  /** Forgets everything but the user, as COM_RESET_CONNECTION and COM_CHANGE_USER ask. */
  reset(): void {
    this.#transaction.end("ROLLBACK");
    for (const table of this.#temporary) {
      this.#server.database.sqlite.exec(`DROP TABLE IF EXISTS temp.${quoteName(table)}`);
    }
    if (this.#temporary.size > 0) this.#server.database.catalog.changed();
    this.#temporary.clear();
    this.variables.reset();
    this.#userVariables.clear();
    this.#named.clear();
    this.#lastInsertId = 0n;
    this.#warnings = [];
  }

  /** The line that COM_STATISTICS answers with. */
  statistics(): string {
    const status = new Map(this.#server.status());
    return `Uptime: ${status.get("Uptime")}  Threads: ${status.get("Threads_connected")}  Questions: ` +
      `${status.get("Questions")}  Slow queries: 0  Opens: 0  Flush tables: 1  Open tables: 0`;
  }

  /** Runs one statement of a script. @throws {SqlError} */
  async execute(script: Script, index = 0, parameters: readonly Value[] = []): Promise<Outcome> {
    const tokens = script.statements[index] ?? [];
    if (this.#interrupt.signal.aborted) this.#interrupt = new AbortController();
    try {
      const outcome = await this.#dispatch(tokens, script, parameters);
      this.#rowCount = outcome.kind === "ok" ? outcome.affectedRows : -1n;
      if (outcome.kind === "rows") this.#foundRows = BigInt(outcome.rows.length);
      if (!/^SHOW$/.test(tokens[0]?.upper ?? "")) this.#warnings = [];
      return outcome;
    } catch (error) {
      const failed = fromSqlite(error, {
        source: script.source,
        database: this.database ?? DATABASE_NAME,
        keyOf: (table, columns) =>
          this.#server.database.catalog.table(table)?.indexes.find((index) =>
            index.unique && index.columns.join() === columns.join()
          )?.name,
        duplicate: (columns) => duplicateValue(tokens, columns, parameters, this.#server.database.catalog),
      });
      this.#rowCount = -1n;
      this.#warnings = [["Error", failed.code, failed.message]];
      throw failed;
    }
  }

  /** Reads a statement for COM_STMT_PREPARE. @throws {SqlError} */
  async prepare(script: Script): Promise<Prepared> {
    const [tokens = [], second] = script.statements;
    if (second !== undefined) throw syntaxError(script.source.slice(second[0]?.start ?? 0));
    const parameterCount = tokens.filter(({ kind }) => kind === "parameter").length;
    let columns: readonly ColumnDefinition[] = [];
    try {
      switch (tokens[0]?.upper) {
        case "SHOW":
        case "DESCRIBE":
        case "DESC":
        case "EXPLAIN": {
          const outcome = await this.#dispatch(tokens, script, Array.from({ length: parameterCount }, () => null));
          if (outcome.kind === "rows") columns = outcome.columns;
          break;
        }
        case "SELECT":
        case "WITH":
        case "(":
        case "TABLE":
        case "VALUES": {
          const { translation } = this.#translateQuery(tokens, script);
          this.#fillSchemas(translation);
          const found = this.#server.database.sqlite.columns(translation.sql);
          columns = this.#define(found, [], script.source);
        }
      }
    } catch (error) {
      throw fromSqlite(error, { source: script.source, database: this.database ?? DATABASE_NAME });
    }
    return { script, parameterCount, columns };
  }

  async #dispatch(tokens: readonly Token[], script: Script, parameters: readonly Value[]): Promise<Outcome> {
    if (tokens.length === 0) return DONE;
    const cursor = new TokenCursor(tokens, script.source);
    const word = cursor.next();
    const needed = tokens.reduce((count, { kind }) => count + (kind === "parameter" ? 1 : 0), 0);
    if (needed > parameters.length) {
      throw syntaxError(script.source.slice(tokens.find((t) => t.kind === "parameter")?.start));
    }
    switch (word.upper) {
      case "SELECT":
      case "WITH":
      case "(":
      case "VALUES":
      case "TABLE":
        return await this.#query(tokens, script, parameters);
      case "INSERT":
      case "REPLACE":
        return await this.#write(rewriteInsert(tokens, script.source), script, parameters);
      case "UPDATE":
        return await this.#write(rewriteUpdate(tokens, script.source), script, parameters);
      case "DELETE":
        return await this.#write(rewriteDelete(tokens, script.source), script, parameters);
      case "CREATE":
      case "DROP":
      case "ALTER":
      case "RENAME":
      case "TRUNCATE":
        return await this.#runDdl(cursor, script);
      case "SET":
        return await this.#set(cursor, script, parameters);
      case "SHOW":
        return this.#rows(show(cursor, this.#showContext(script)), script.source);
      case "DESC":
      case "DESCRIBE":
      case "EXPLAIN":
        return await this.#explain(cursor, script, parameters);
      case "USE":
        this.use(cursor.name());
        return DONE;
      case "DO":
        await this.#query([keyword("SELECT"), ...cursor.rest()], script, parameters);
        return DONE;
      case "KILL": {
        const what = cursor.takeAny("CONNECTION", "QUERY") === "QUERY" ? "query" : "connection";
        const { rows } = await this.#query([keyword("SELECT"), ...cursor.rest()], script, parameters);
        this.#server.kill(Number(rows[0]?.[0] ?? 0), what);
        return DONE;
      }
      case "PREPARE":
      case "EXECUTE":
      case "DEALLOCATE":
        return await this.#preparedStatement(word.upper, cursor, script);
      case "FLUSH":
        return DONE;
      case "ANALYZE":
      case "OPTIMIZE":
      case "CHECK":
      case "REPAIR":
      case "CHECKSUM":
        return this.#maintain(word.upper.toLowerCase(), cursor, script);
      case "CALL":
        throw new SqlError(
          1305,
          "42000",
          `PROCEDURE ${this.database ?? DATABASE_NAME}.${cursor.name()} does not exist`,
        );
      case "HANDLER":
      case "LOAD":
      case "GRANT":
      case "REVOKE":
      case "XA":
        throw notSupported(word.upper);
    }
    if (await this.#transaction.run(word.upper, cursor, this.#interrupt.signal)) return DONE;
    cursor.at = 0;
    throw cursor.error();
  }

  #context(script: Script, sleeps: string[] = []): TranslationContext {
    return {
      source: script.source,
      rawBytes: script.rawBytes,
      mainDatabase: DATABASE_NAME,
      database: this.database,
      user: this.user,
      connectionId: this.connectionId,
      version: SERVER_VERSION,
      lastInsertId: this.#lastInsertId,
      rowCount: this.#rowCount,
      foundRows: this.#foundRows,
      sleep: (seconds) => sleeps.push(seconds),
      systemVariable: (name) => this.#literalOf(name),
      userVariable: (name) => literal(this.#userVariables.get(name.toLowerCase()) ?? null),
    };
  }

  #literalOf(name: string): string {
    const bare = name.toLowerCase().replace(/^(session|global|local)\./, "");
    if (bare === "warning_count" || bare === "error_count") return String(this.#warnings.length);
    if (bare === "last_insert_id" || bare === "identity") return String(this.#lastInsertId);
    if (bare === "timestamp") return String(Date.now() / 1000);
    const value = this.variables.get(name);
    if (value === null) return "NULL";
    if (typeof value === "string") return quoteString(value);
    return String(Number(value));
  }

  #translateQuery(tokens: readonly Token[], script: Script) {
    const sleeps: string[] = [];
    return { translation: translate(spellQuery(tokens), this.#context(script, sleeps)), sleeps };
  }

  #fillSchemas({ schemas, sql }: Translation): void {
    if (schemas) fillVirtualTables(sql, this.#sources);
  }

  get #sources(): SchemaSources {
    const { catalog, sqlite } = this.#server.database;
    const { variables } = this;
    return {
      catalog,
      sqlite,
      mainDatabase: DATABASE_NAME,
      variables,
      processes: () => this.#server.processes(),
      status: () => this.#server.status(),
    };
  }

  async #query(tokens: readonly Token[], script: Script, parameters: readonly Value[]) {
    // SELECT … FOR UPDATE waits for other writers, and they for it.
    const locks = this.#transaction.continues && !this.#server.identity.readOnly &&
      findOutside(tokens, 0, "FOR") < tokens.length && tokens.at(-1)?.upper !== "SHARE";
    if (locks) await this.#transaction.lock(this.#interrupt.signal);
    const { translation, sleeps } = this.#translateQuery(tokens, script);
    for (const seconds of sleeps) await this.#sleep(seconds, parameters);
    this.#fillSchemas(translation);
    const { columns, rows } = this.#server.database.sqlite.query(translation.sql, chosen(translation, parameters));
    return { kind: "rows" as const, columns: this.#define(columns, rows, script.source), rows };
  }

  #requireWritable(): void {
    if (this.#server.identity.readOnly || this.variables.get("transaction_read_only") === true) throw readOnlyServer();
  }

  #define(columns: readonly SqliteColumn[], rows: readonly (readonly Value[])[], source: string): ColumnDefinition[] {
    const { catalog } = this.#server.database;
    return defineColumns(columns, rows, { catalog, schema: DATABASE_NAME, dates: speaksOfDates(source) });
  }

  async #sleep(amount: string, parameters: readonly Value[]): Promise<void> {
    const index = parameterIndex(amount);
    const seconds = Number(index === undefined ? amount : parameters[index] ?? 0);
    if (!(seconds > 0)) return;
    const { signal } = this.#interrupt;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, Math.min(seconds, LONGEST_SLEEP) * 1000);
    const interrupted = () => reject(signal.reason);
    signal.addEventListener("abort", interrupted, { once: true });
    try {
      await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", interrupted);
    }
  }

  async #write(statement: WriteStatement, script: Script, parameters: readonly Value[]): Promise<Outcome> {
    const sleeps: string[] = [];
    const translation = translate(statement.tokens, this.#context(script, sleeps));
    for (const seconds of sleeps) await this.#sleep(seconds, parameters);
    const { sqlite, catalog } = this.#server.database;
    this.#requireWritable();
    const { changes, lastInsertRowid } = await this.#transaction.change(() => {
      this.#fillSchemas(translation);
      return sqlite.run(translation.sql, chosen(translation, parameters));
    }, this.#interrupt.signal);
    const verb = statement.tokens[0]?.upper;
    if (verb === "UPDATE") {
      return { ...DONE, affectedRows: changes, info: `Rows matched: ${changes}  Changed: ${changes}  Warnings: 0` };
    }
    if (verb === "DELETE" || changes === 0n) return { ...DONE, affectedRows: changes };
    const numbers = catalog.table(statement.table)?.columns.some(({ extra }) => extra === "auto_increment") === true;
    // SQLite tells the last of several new numbers, MySQL the first.
    if (numbers) this.#lastInsertId = lastInsertRowid - changes + 1n;
    const info = changes > 1n ? `Records: ${changes}  Duplicates: 0  Warnings: 0` : "";
    return { kind: "ok", affectedRows: changes, lastInsertId: numbers ? this.#lastInsertId : 0n, info };
  }

  async #runDdl(cursor: TokenCursor, script: Script): Promise<Outcome> {
    if (cursor.takeAny("DATABASE", "SCHEMA") !== undefined) return this.#databaseStatement(cursor);
    const write = (tokens: readonly Token[]) => translate(tokens, this.#context(script)).sql;
    const isView = (name: string) => this.#server.database.catalog.table(name)?.kind === "VIEW";
    const ddl = readDdl(cursor.tokens, script.source, write, isView);
    const truncate = isToken(cursor.tokens[0], "TRUNCATE");
    this.#transaction.end("COMMIT");
    const { sqlite, catalog } = this.#server.database;
    this.#requireWritable();
    await this.#transaction.change(() => {
      const own = !this.#transaction.continues;
      if (own) sqlite.exec("BEGIN");
      try {
        for (const statement of ddl.statements) sqlite.run(statement);
        if (own) sqlite.exec("COMMIT");
      } catch (error) {
        if (own) sqlite.exec("ROLLBACK");
        else this.#transaction.end("ROLLBACK");
        throw error;
      } finally {
        if (!truncate) catalog.changed();
      }
    }, this.#interrupt.signal);
    this.#transaction.end("COMMIT");
    if (ddl.temporary !== undefined) this.#temporary.add(ddl.temporary);
    return DONE;
  }

  #databaseStatement(cursor: TokenCursor): Outcome {
    const verb = cursor.tokens[0]?.upper ?? "";
    const conditional = cursor.take("IF", "NOT", "EXISTS") || cursor.take("IF", "EXISTS");
    const name = verb === "ALTER" && cursor.done ? DATABASE_NAME : cursor.name();
    const exists = name.toLowerCase() === DATABASE_NAME;
    if (verb === "CREATE" && exists) {
      if (conditional) return { ...DONE, affectedRows: 1n };
      throw new SqlError(1007, "HY000", `Can't create database '${name}'; database exists`);
    }
    if (verb === "DROP" && !exists) {
      if (conditional) return DONE;
      throw new SqlError(1008, "HY000", `Can't drop database '${name}'; database doesn't exist`);
    }
    if (verb === "ALTER" && exists) return DONE;
    // There is one SQLite database, so there is one MySQL database.
    throw new SqlError(
      1044,
      "42000",
      `Access denied for user '${this.user.replace("@", "'@'")}' to database '${name}'`,
    );
  }

  async #set(cursor: TokenCursor, script: Script, parameters: readonly Value[]): Promise<Outcome> {
    for (const assignment of readSet(cursor.rest(), script.source)) {
      const value = await this.#evaluate(assignment.value, script, parameters);
      if (assignment.kind === "user") {
        this.#userVariables.set(assignment.name.toLowerCase(), value ?? null);
        continue;
      }
      const plain = typeof value === "bigint" ? Number(value) : value instanceof Uint8Array ? decodeText(value) : value;
      const before = this.#autocommit;
      this.variables.set(assignment.name, plain);
      if (!before && this.#autocommit) this.#transaction.end("COMMIT");
    }
    return DONE;
  }

  async #evaluate(value: AssignedValue, script: Script, parameters: readonly Value[]): Promise<Value | undefined> {
    switch (value.kind) {
      case "default":
        return undefined;
      case "word":
        return value.word;
      case "expression": {
        const { rows } = await this.#query([keyword("SELECT"), ...value.tokens], script, parameters);
        return rows[0]?.[0] ?? null;
      }
    }
  }

  async #explain(cursor: TokenCursor, script: Script, parameters: readonly Value[]): Promise<Outcome> {
    cursor.takeAny("ANALYZE", "EXTENDED");
    if (cursor.take("FORMAT", "=")) cursor.next();
    const word = cursor.peek?.upper ?? "";
    if (!["SELECT", "WITH", "INSERT", "REPLACE", "UPDATE", "DELETE", "TABLE", "("].includes(word)) {
      return this.#rows(describe(cursor, this.#showContext(script)), script.source);
    }
    const translation = translate(cursor.rest(), this.#context(script));
    this.#fillSchemas(translation);
    const plan = this.#server.database.sqlite.objects(
      `EXPLAIN QUERY PLAN ${translation.sql}`,
      chosen(translation, parameters),
    );
    await Promise.resolve();
    const rows = plan.map(({ id, parent, detail }) => [id ?? null, parent ?? null, detail ?? null]);
    return this.#rows({ columns: ["id", "parent", "detail"], rows }, script.source);
  }

  async #preparedStatement(verb: string, cursor: TokenCursor, script: Script): Promise<Outcome> {
    if (verb === "DEALLOCATE") cursor.expect("PREPARE");
    const name = cursor.name().toLowerCase();
    const unknown = new SqlError(1243, "HY000", `Unknown prepared statement handler (${name}) given to ${verb}`);
    if (verb === "DEALLOCATE") {
      if (!this.#named.delete(name)) throw unknown;
      return DONE;
    }
    if (verb === "PREPARE") {
      cursor.expect("FROM");
      const from = cursor.next();
      const text = from.kind === "user-variable" ? this.#userVariables.get(from.value.toLowerCase()) : from.value;
      const read = readScript(new TextEncoder().encode(String(text ?? "NULL")));
      await this.prepare(read);
      this.#named.set(name, read);
      return { ...DONE, info: "Statement prepared" };
    }
    const prepared = this.#named.get(name);
    if (prepared === undefined) throw unknown;
    const values: Value[] = [];
    if (cursor.take("USING")) {
      do values.push(this.#userVariables.get(cursor.next().value.toLowerCase()) ?? null); while (cursor.take(","));
    }
    const [tokens = []] = prepared.statements;
    if (/^(EXECUTE|PREPARE)$/.test(tokens[0]?.upper ?? "")) throw notSupported(`${script.source}`);
    if (tokens.filter(({ kind }) => kind === "parameter").length !== values.length) {
      throw new SqlError(1210, "HY000", "Incorrect arguments to EXECUTE");
    }
    return await this.#dispatch(tokens, prepared, values);
  }

  #maintain(operation: string, cursor: TokenCursor, script: Script): Outcome {
    cursor.takeAny("NO_WRITE_TO_BINLOG", "LOCAL");
    cursor.takeAny("TABLE", "TABLES");
    const rows: Value[][] = [];
    do {
      const { name } = cursor.qualifiedName();
      const known = this.#server.database.catalog.table(name) !== undefined;
      rows.push([
        `${DATABASE_NAME}.${name}`,
        operation,
        known ? "status" : "Error",
        known ? "OK" : `Table '${name}' doesn't exist`,
      ]);
    } while (cursor.take(","));
    return this.#rows({ columns: ["Table", "Op", "Msg_type", "Msg_text"], rows }, script.source);
  }

  #rows({ columns, rows }: RowSource, source: string): Outcome {
    const named = columns.map((name) => ({ name, column: "", table: "", type: "" }));
    return { kind: "rows", columns: this.#define(named, rows, source), rows };
  }

  #showContext(script: Script): ShowContext {
    return {
      sources: this.#sources,
      database: this.database,
      user: this.user,
      source: script.source,
      warnings: this.#warnings,
      filter: (shown, where) => {
        const names = shown.columns.map(quoteName).join(", ");
        const values = shown.columns.map((_, at) => `(value ->> ${at}) COLLATE NOCASE`).join(", ");
        const { sql } = translate(where, this.#context(script));
        const json = JSON.stringify(shown.rows, (_, value) => typeof value === "bigint" ? Number(value) : value);
        const filtered = this.#server.database.sqlite.query(
          `WITH "show"(${names}) AS (SELECT ${values} FROM json_each(${
            quoteString(json)
          })) SELECT * FROM "show" WHERE ${sql}`,
        );
        return { columns: shown.columns, rows: filtered.rows };
      },
    };
  }
}

function chosen({ parameters }: Translation, values: readonly Value[]): Value[] {
  return parameters.map((index) => values[index] ?? null);
}

function literal(value: Value): string {
  if (value === null) return "NULL";
  if (typeof value === "string") return quoteString(value);
  if (value instanceof Uint8Array) {
    return quoteBytes(value);
  }
  return String(value);
}

/**
 * The commands of a connection that is logged in.
 *
 * @module
 */
import { Capability, hasCapability } from "../../lib/protocol/capability.ts";
import { type ColumnDefinition, encodeColumnDefinition, newColumn } from "../../lib/protocol/column_definition.ts";
import { ColumnType } from "../../lib/protocol/column_type.ts";
import { Command, commandName } from "../../lib/protocol/command.ts";
import { encodeEof } from "../../lib/protocol/eof.ts";
import { encodeOk } from "../../lib/protocol/ok.ts";
import type { ParameterType } from "../../lib/protocol/parameter.ts";
import { PayloadReader } from "../../lib/protocol/payload_reader.ts";
import { parseQuery } from "../../lib/protocol/query.ts";
import { encodeResultSetEnd } from "../../lib/protocol/result_set.ts";
import { encodePrepareOk, parseStatementCommand, type StatementCommand } from "../../lib/protocol/statement.ts";
import { parseStatementExecute, parseStatementId } from "../../lib/protocol/statement_execute.ts";
import type { SessionStateChange } from "../../lib/protocol/session_state.ts";
import { ServerStatus } from "../../lib/protocol/status.ts";
import { decodeText, encodeText } from "../../lib/protocol/text.ts";
import { parameterValue, type Response, rowPayloads } from "./response.ts";
import { execute, prepare, type Prepared } from "./sql/execute.ts";
import type { Outcome } from "./sql/outcome.ts";
import { readScript } from "./sql/script.ts";
import type { Session } from "./sql/session.ts";
import { SqlError, syntaxError } from "./sql/sql_error.ts";

/** A prepared statement and what the client has sent for it. */
interface Statement {
  readonly prepared: Prepared;
  types: readonly ParameterType[];
  readonly longData: Map<number, Uint8Array[]>;
}

/** How many statements one connection may have open. */
const STATEMENT_LIMIT = 16382;

/** Runs commands in a session. */
export class Commands {
  readonly #session: Session;
  readonly #agreed: () => bigint;
  readonly #statements = new Map<number, Statement>();
  #lastStatementId = 0;
  /** COM_SET_OPTION may change it after the login. */
  #multiStatements: boolean | undefined;
  #running = "";
  #toldDatabase: string | undefined;

  /** `agreed` tells the capabilities of the connection, known once its client has logged in. */
  constructor(session: Session, agreed: () => bigint) {
    this.#session = session;
    this.#agreed = agreed;
  }

  /** The text of the statement that runs. */
  get running(): string {
    return this.#running;
  }

  /** Forgets everything that a new user must not see. */
  reset(): void {
    this.#statements.clear();
    this.#session.reset();
  }

  /** Runs a command. @throws {SqlError} {ProtocolError} */
  async run(payload: Uint8Array, response: Response): Promise<void> {
    const capabilities = this.#agreed();
    const ok = () => encodeOk({ status: this.#session.status, sessionState: this.#sessionState() }, capabilities);
    switch (payload[0]) {
      case Command.COM_QUERY:
        return await this.#query(parseQuery(payload, capabilities).sql, response);
      case Command.COM_INIT_DB:
        this.#session.use(decodeText(payload.subarray(1)));
        response.add(ok());
        return;
      case Command.COM_PING:
        response.add(ok());
        return;
      case Command.COM_RESET_CONNECTION:
        this.reset();
        response.add(ok());
        return;
      case Command.COM_STATISTICS:
        response.add(encodeText(this.#session.statistics()));
        return;
      case Command.COM_SET_OPTION:
        this.#multiStatements = new PayloadReader(payload, 1).u16() === 0;
        response.add(encodeResultSetEnd(this.#session.status, 0, capabilities));
        return;
      case Command.COM_FIELD_LIST:
        return await this.#fieldList(payload, response);
      case Command.COM_STMT_PREPARE:
        return await this.#prepare(payload.subarray(1), response);
      case Command.COM_STMT_EXECUTE:
        return await this.#execute(payload, response);
      default: {
        const command = parseStatementCommand(payload);
        if (command === undefined) {
          throw new SqlError(1047, "08S01", `Unknown command ${commandName(payload[0] ?? 0)}`);
        }
        return this.#statementCommand(command, response);
      }
    }
  }

  async #query(sql: Uint8Array, response: Response): Promise<void> {
    const script = readScript(sql);
    this.#running = script.source;
    const capabilities = this.#agreed();
    const second = script.statements[1]?.[0];
    const several = this.#multiStatements ?? hasCapability(capabilities, Capability.CLIENT_MULTI_STATEMENTS);
    if (second !== undefined && !several) throw syntaxError(script.source.slice(second.start));
    for (let index = 0; index < script.statements.length; index++) {
      const outcome = await execute(this.#session, script, index);
      await this.#answer(outcome, "text", index + 1 < script.statements.length, response);
    }
  }

  async #answer(outcome: Outcome, format: "text" | "binary", more: boolean, response: Response): Promise<void> {
    const capabilities = this.#agreed();
    const status = this.#session.status | (more ? ServerStatus.SERVER_MORE_RESULTS_EXISTS : 0);
    if (outcome.kind === "ok") {
      const { affectedRows, lastInsertId, info } = outcome;
      const sessionState = this.#sessionState();
      response.add(encodeOk({ affectedRows, lastInsertId, info, status, sessionState }, capabilities));
    } else await response.addAll(rowPayloads(outcome, format, status, capabilities));
  }

  /** Tells a client that tracks it of a new default database. */
  #sessionState(): SessionStateChange[] {
    const { database } = this.#session;
    if (database === this.#toldDatabase) return [];
    this.#toldDatabase = database;
    return database === undefined ? [] : [{ kind: "schema", name: database }];
  }

  async #fieldList(payload: Uint8Array, response: Response): Promise<void> {
    const table = new PayloadReader(payload, 1).nulText().replaceAll("`", "``");
    const capabilities = this.#agreed();
    const { columns } = await prepare(this.#session, readScript(encodeText(`SELECT * FROM \`${table}\``)));
    for (const column of columns) response.add(encodeColumnDefinition({ ...column, defaultValue: null }, capabilities));
    response.add(encodeResultSetEnd(this.#session.status, 0, capabilities));
  }

  async #prepare(sql: Uint8Array, response: Response): Promise<void> {
    if (this.#statements.size >= STATEMENT_LIMIT) {
      throw new SqlError(
        1461,
        "42000",
        `Can't create more than max_prepared_stmt_count statements (current value: ${STATEMENT_LIMIT})`,
      );
    }
    const prepared = await prepare(this.#session, readScript(sql));
    const statementId = ++this.#lastStatementId;
    this.#statements.set(statementId, { prepared, types: [], longData: new Map() });
    const { columns, parameterCount } = prepared;
    const capabilities = this.#agreed();
    const counts = { statementId, columnCount: columns.length, parameterCount, warnings: 0, metadataFollows: true };
    response.add(encodePrepareOk(counts, capabilities));
    const parameter = newColumn("?", ColumnType.MYSQL_TYPE_VAR_STRING);
    this.#definitions(Array.from({ length: parameterCount }, () => parameter), response);
    this.#definitions(columns, response);
  }

  #definitions(columns: readonly ColumnDefinition[], response: Response): void {
    if (columns.length === 0) return;
    const capabilities = this.#agreed();
    for (const column of columns) response.add(encodeColumnDefinition(column, capabilities));
    if (!hasCapability(capabilities, Capability.CLIENT_DEPRECATE_EOF)) {
      response.add(encodeEof({ status: this.#session.status }, capabilities));
    }
  }

  #statement(id: number, what: string): Statement {
    const statement = this.#statements.get(id);
    if (statement !== undefined) return statement;
    throw new SqlError(1243, "HY000", `Unknown prepared statement handler (${id}) given to ${what}`);
  }

  async #execute(payload: Uint8Array, response: Response): Promise<void> {
    const statement = this.#statement(parseStatementId(payload), "mysqld_stmt_execute");
    const { prepared: { script, parameterCount }, longData } = statement;
    this.#running = script.source;
    const { parameters, typesSent } = parseStatementExecute(payload, {
      capabilities: this.#agreed(),
      parameterCount,
      types: statement.types,
      longData: new Set(longData.keys()),
    });
    if (typesSent) statement.types = parameters.map(({ type, unsigned }) => ({ type, unsigned }));
    const values = parameters.map(({ type, value }, index) =>
      parameterValue(value ?? null, type, joined(longData.get(index)))
    );
    longData.clear();
    // A cursor is not opened even if asked for: all rows follow at once, which the protocol allows.
    await this.#answer(await execute(this.#session, script, 0, values), "binary", false, response);
  }

  #statementCommand(command: StatementCommand, response: Response): void {
    switch (command.kind) {
      case "close":
        this.#statements.delete(command.statementId);
        return;
      case "reset":
        this.#statement(command.statementId, "mysqld_stmt_reset").longData.clear();
        response.add(encodeOk({ status: this.#session.status }, this.#agreed()));
        return;
      case "fetch":
        this.#statement(command.statementId, "mysqld_stmt_fetch");
        throw new SqlError(1421, "HY000", `The statement (${command.statementId}) has no open cursor.`);
      case "send-long-data": {
        // This command has no answer, not even to a statement that does not exist.
        const longData = this.#statements.get(command.statementId)?.longData;
        const pieces = longData?.get(command.parameter) ?? [];
        pieces.push(command.data.slice());
        longData?.set(command.parameter, pieces);
      }
    }
  }
}

function joined(pieces: readonly Uint8Array[] | undefined): Uint8Array | undefined {
  if (pieces === undefined) return undefined;
  const whole = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

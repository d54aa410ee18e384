/**
 * The transaction of a session, and the statements that begin and end it.
 *
 * SQLite's transaction begins with the first write, when the session gets the {@linkcode WriterLock}; one that only
 * reads never has either.
 *
 * @module
 */
import type { Database } from "./database.ts";
import { quoteName } from "./quoting.ts";
import { notSupported, SqlError } from "./sql_error.ts";
import type { TokenCursor } from "./token_list.ts";
import type { SystemVariables } from "./variables.ts";

/** The longest wait for other writers, in seconds; a timer cannot wait longer. */
const LONGEST_WAIT = 2_000_000;

/** One session's transactions. */
export class Transaction {
  readonly #database: Database;
  readonly #variables: SystemVariables;
  /** START TRANSACTION was said and nothing has ended it. */
  #explicit = false;

  constructor(database: Database, variables: SystemVariables) {
    this.#database = database;
    this.#variables = variables;
  }

  /** What the status flag says: one was started, or one has written. */
  get open(): boolean {
    return this.#explicit || this.#locked;
  }

  /** Whether a write becomes part of a transaction that something else ends. */
  get continues(): boolean {
    return this.#explicit || this.#variables.get("autocommit") !== true;
  }

  get #locked(): boolean {
    return this.#database.lock.isHeldBy(this);
  }

  /**
   * Runs a transaction statement, the cursor behind its first word.
   *
   * @returns `false` if it is none.
   */
  async run(word: string, cursor: TokenCursor, signal: AbortSignal): Promise<boolean> {
    switch (word) {
      case "START":
        if (!cursor.take("TRANSACTION")) throw notSupported("START");
        this.#begin();
        return true;
      case "BEGIN":
        cursor.take("WORK");
        if (!cursor.done) throw cursor.error();
        this.#begin();
        return true;
      case "COMMIT":
      case "LOCK":
        this.end("COMMIT");
        return true;
      case "UNLOCK":
        return true;
      case "ROLLBACK":
        cursor.take("WORK");
        if (cursor.take("TO")) {
          cursor.take("SAVEPOINT");
          this.#savepoint("ROLLBACK TO", cursor.name());
        } else this.end("ROLLBACK");
        return true;
      case "RELEASE":
        cursor.expect("SAVEPOINT");
        this.#savepoint("RELEASE", cursor.name());
        return true;
      case "SAVEPOINT": {
        const name = cursor.name();
        if (this.continues) {
          await this.lock(signal);
          this.#savepoint("SAVEPOINT", name);
        }
        return true;
      }
      default:
        return false;
    }
  }

  /** Takes the right to write. @throws {SqlError} 1205, or what `signal` was aborted with. */
  async lock(signal: AbortSignal): Promise<void> {
    if (this.#locked) return;
    const seconds = Math.min(Number(this.#variables.get("innodb_lock_wait_timeout")) || 50, LONGEST_WAIT);
    const { lock, sqlite } = this.#database;
    await lock.acquire(this, seconds, signal);
    try {
      this.#database.checkForeignKeys(this.#variables.get("foreign_key_checks") === true);
      if (this.continues) sqlite.exec("BEGIN");
    } catch (error) {
      lock.release(this);
      throw error;
    }
  }

  /** Runs `change` with the right to write: as part of the transaction, or as one of its own. */
  async change<Result>(change: () => Result, signal: AbortSignal): Promise<Result> {
    await this.lock(signal);
    try {
      return change();
    } finally {
      if (!this.continues) this.#database.lock.release(this);
    }
  }

  /** Ends the transaction, if there is one. */
  end(verb: "COMMIT" | "ROLLBACK"): void {
    this.#explicit = false;
    if (!this.#locked) return;
    const { lock, sqlite } = this.#database;
    try {
      sqlite.exec(verb);
    } catch (error) {
      // The next writer must not find itself in this transaction.
      if (verb === "COMMIT") sqlite.exec("ROLLBACK");
      throw error;
    } finally {
      lock.release(this);
    }
  }

  #begin(): void {
    this.end("COMMIT");
    this.#explicit = true;
  }

  #savepoint(verb: string, name: string): void {
    if (!this.#locked) throw new SqlError(1305, "42000", `SAVEPOINT ${name} does not exist`);
    this.#database.sqlite.exec(`${verb} ${quoteName(name)}`);
  }
}

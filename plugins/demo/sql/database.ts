/**
 * The database that both demo servers show: one SQLite handle, its catalog, and the lock of its writers.
 *
 * @module
 */
import { Catalog } from "./catalog.ts";
import { SAMPLE_DATABASE } from "./sample.ts";
import { Sqlite } from "./sqlite.ts";
import { WriterLock } from "./writer_lock.ts";

/** The name of the one database. */
export const DATABASE_NAME = "shop";

/** Shared by all sessions of all demo servers. */
export class Database {
  readonly sqlite = new Sqlite();
  readonly catalog = new Catalog(this.sqlite);
  readonly lock = new WriterLock();
  #foreignKeys = true;

  constructor() {
    this.sqlite.exec("PRAGMA foreign_keys = ON");
    // Makes sqlite_sequence, which exists only once a table numbers its rows.
    this.sqlite.exec(`CREATE TABLE "~"(id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE "~"`);
    this.sqlite.exec(SAMPLE_DATABASE);
    this.catalog.changed();
  }

  /** Follows the writer's `@@foreign_key_checks`; SQLite takes the change only outside of a transaction. */
  checkForeignKeys(enabled: boolean): void {
    if (enabled === this.#foreignKeys) return;
    this.sqlite.exec(`PRAGMA foreign_keys = ${enabled ? "ON" : "OFF"}`);
    this.#foreignKeys = enabled;
  }

  close(): void {
    this.sqlite.close();
  }
}

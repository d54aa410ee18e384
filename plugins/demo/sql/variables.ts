/**
 * System variables: what clients ask for and set when they log in, with the defaults of a MySQL 9 server.
 *
 * @module
 */
import { SqlError, unknownVariable } from "./sql_error.ts";

/** A variable's value; booleans are 1 and 0 in a SELECT, ON and OFF in SHOW VARIABLES. */
export type VariableValue = string | number | boolean | null;

/** What tells one demo server from the other. */
export interface ServerIdentity {
  /** `@@hostname`: the name by which the tour knows who answered. */
  readonly hostname: string;
  readonly port: number;
  readonly serverId: number;
  readonly readOnly: boolean;
}

/** What the servers call themselves. */
export const SERVER_VERSION = "9.0.0-mysql-proxy-demo";

/** The longest packet that a client may send, in bytes. */
export const MAX_ALLOWED_PACKET = 64 * 1024 * 1024;

function defaults(identity: ServerIdentity): Record<string, VariableValue> {
  return {
    auto_increment_increment: 1,
    auto_increment_offset: 1,
    autocommit: true,
    back_log: 151,
    basedir: "/",
    big_tables: false,
    bind_address: "127.0.0.1",
    character_set_client: "utf8mb4",
    character_set_connection: "utf8mb4",
    character_set_database: "utf8mb4",
    character_set_filesystem: "binary",
    character_set_results: "utf8mb4",
    character_set_server: "utf8mb4",
    character_set_system: "utf8mb3",
    collation_connection: "utf8mb4_0900_ai_ci",
    collation_database: "utf8mb4_0900_ai_ci",
    collation_server: "utf8mb4_0900_ai_ci",
    completion_type: "NO_CHAIN",
    connect_timeout: 10,
    datadir: ":memory:",
    default_authentication_plugin: "caching_sha2_password",
    default_collation_for_utf8mb4: "utf8mb4_0900_ai_ci",
    default_storage_engine: "InnoDB",
    default_tmp_storage_engine: "InnoDB",
    default_week_format: 0,
    div_precision_increment: 4,
    event_scheduler: "OFF",
    explicit_defaults_for_timestamp: true,
    foreign_key_checks: true,
    general_log: false,
    group_concat_max_len: 1024,
    gtid_mode: "OFF",
    have_openssl: "DISABLED",
    have_ssl: "DISABLED",
    hostname: identity.hostname,
    identity: 0,
    init_connect: "",
    innodb_buffer_pool_size: 134217728,
    innodb_lock_wait_timeout: 50,
    innodb_strict_mode: true,
    innodb_version: "9.0.0",
    insert_id: 0,
    interactive_timeout: 28800,
    lc_messages: "en_US",
    lc_time_names: "en_US",
    license: "MIT",
    local_infile: false,
    lock_wait_timeout: 31536000,
    log_bin: false,
    long_query_time: 10,
    low_priority_updates: false,
    lower_case_file_system: true,
    lower_case_table_names: 1,
    max_allowed_packet: MAX_ALLOWED_PACKET,
    max_connections: 151,
    max_execution_time: 0,
    max_prepared_stmt_count: 16382,
    max_user_connections: 0,
    net_buffer_length: 16384,
    net_read_timeout: 30,
    net_retry_count: 10,
    net_write_timeout: 60,
    optimizer_switch: "",
    performance_schema: false,
    port: identity.port,
    protocol_version: 10,
    query_cache_size: 0,
    query_cache_type: "OFF",
    read_only: identity.readOnly,
    secure_file_priv: null,
    server_id: identity.serverId,
    server_uuid: `00000000-0000-4000-8000-00000000000${identity.serverId}`,
    session_track_gtids: "OFF",
    session_track_schema: true,
    session_track_state_change: false,
    session_track_system_variables: "time_zone,autocommit,character_set_client",
    session_track_transaction_info: "OFF",
    show_old_temporals: false,
    skip_networking: false,
    socket: "",
    sql_auto_is_null: false,
    sql_big_selects: true,
    sql_buffer_result: false,
    sql_log_bin: true,
    sql_log_off: false,
    sql_mode: "ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO," +
      "NO_ENGINE_SUBSTITUTION",
    sql_notes: true,
    sql_quote_show_create: true,
    sql_require_primary_key: false,
    sql_safe_updates: false,
    sql_select_limit: "18446744073709551615",
    sql_warnings: false,
    ssl_ca: "",
    ssl_cert: "",
    storage_engine: "InnoDB",
    super_read_only: identity.readOnly,
    system_time_zone: "UTC",
    table_definition_cache: 2000,
    thread_cache_size: 9,
    thread_handling: "one-thread-per-connection",
    time_zone: "SYSTEM",
    tls_version: "",
    tmp_table_size: 16777216,
    // Statements see what other transactions have not committed yet: all connections share one SQLite handle.
    transaction_isolation: "READ-UNCOMMITTED",
    transaction_read_only: identity.readOnly,
    tx_isolation: "READ-UNCOMMITTED",
    tx_read_only: identity.readOnly,
    unique_checks: true,
    updatable_views_with_limit: "YES",
    version: SERVER_VERSION,
    version_comment: "MySQL Proxy demo server (SQLite inside)",
    version_compile_machine: "javascript",
    version_compile_os: "Deno",
    wait_timeout: 28800,
    warning_count: 0,
    error_count: 0,
    information_schema_stats_expiry: 86400,
    profiling: false,
    timestamp: 0,
    rand_seed1: 0,
    pseudo_thread_id: 0,
    gtid_purged: "",
    gtid_executed: "",
    original_commit_timestamp: "",
    ndbinfo_version: "",
    default_table_encryption: false,
    resultset_metadata: "FULL",
    use_secondary_engine: "ON",
    xa_detach_on_prepare: true,
  };
}

/** Variables that describe the server; `SET` refuses them. */
const READ_ONLY = new Set([
  ...["hostname", "version", "version_comment", "port", "datadir", "basedir", "server_uuid", "license", "socket"],
  ...["system_time_zone", "lower_case_table_names", "have_ssl", "have_openssl", "innodb_version", "bind_address"],
]);

/** The variables of one session, over those of its server. */
export class SystemVariables {
  readonly #server: Readonly<Record<string, VariableValue>>;
  readonly #session = new Map<string, VariableValue>();

  constructor(identity: ServerIdentity) {
    this.#server = defaults(identity);
  }

  /** `@@name`, with or without its scope. @throws {SqlError} 1193 */
  get(scopedName: string): VariableValue {
    const name = bareName(scopedName);
    const own = this.#session.get(name);
    if (own !== undefined) return own;
    if (!Object.hasOwn(this.#server, name)) throw unknownVariable(name);
    return this.#server[name] ?? null;
  }

  /** Sets a session variable; `undefined` (the word DEFAULT) takes the server's value again. */
  set(scopedName: string, value: VariableValue | undefined): void {
    const name = bareName(scopedName);
    if (!Object.hasOwn(this.#server, name)) throw unknownVariable(name);
    if (READ_ONLY.has(name)) {
      throw new SqlError(1238, "HY000", `Variable '${name}' is a read only variable`);
    }
    if (value === undefined) this.#session.delete(name);
    else this.#session.set(name, typeof this.#server[name] === "boolean" ? truth(name, value) : value);
  }

  /** Back to the server's values, as COM_RESET_CONNECTION asks. */
  reset(): void {
    this.#session.clear();
  }

  /** Names and values as SHOW VARIABLES lists them. */
  list(): [name: string, value: string][] {
    return Object.keys(this.#server).sort().map((name) => [name, shown(this.get(name))]);
  }
}

function bareName(name: string): string {
  return name.toLowerCase().replace(/^(session|global|local|persist|persist_only)\./, "");
}

function truth(name: string, value: VariableValue): boolean {
  const word = String(value).toUpperCase();
  if (["1", "ON", "TRUE", "YES"].includes(word)) return true;
  if (["0", "OFF", "FALSE", "NO"].includes(word)) return false;
  throw new SqlError(1231, "42000", `Variable '${name}' can't be set to the value of '${value}'`);
}

function shown(value: VariableValue): string {
  if (value === null) return "";
  return typeof value === "boolean" ? value ? "ON" : "OFF" : String(value);
}

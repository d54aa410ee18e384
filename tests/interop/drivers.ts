/**
 * The two npm drivers, connected to a scenario's target.
 *
 * @module
 */

import "../servers/node_process.ts";
import * as mariadb from "mariadb";
import { type Connection, type ConnectionOptions, createConnection } from "mysql2/promise";
import { APP } from "../servers/users.ts";
import type { Target } from "./scenario.ts";

/** Connects mysql2 as the account for ordinary work. */
export function connectMysql2(target: Target, options: ConnectionOptions = {}): Promise<Connection> {
  return createConnection({
    host: "127.0.0.1",
    port: target.port,
    user: APP.user,
    password: APP.password,
    database: target.database,
    dateStrings: true,
    supportBigNumbers: true,
    ...options,
  });
}

/** Connects the mariadb connector as the account for ordinary work. */
export function connectMariadb(
  target: Target,
  options: mariadb.ConnectionConfig = {},
): Promise<mariadb.Connection> {
  return mariadb.createConnection({
    host: "127.0.0.1",
    port: target.port,
    user: APP.user,
    password: APP.password,
    database: target.database,
    dateStrings: true,
    allowPublicKeyRetrieval: true,
    bigIntAsNumber: true,
    insertIdAsNumber: true,
    ...options,
  });
}

/** Uses a mysql2 connection and closes it. */
export async function withMysql2<T>(
  target: Target,
  work: (connection: Connection) => Promise<T>,
  options: ConnectionOptions = {},
): Promise<T> {
  const connection = await connectMysql2(target, options);
  try {
    return await work(connection);
  } finally {
    await connection.end().catch(() => connection.destroy());
  }
}

/** Uses a mariadb connection and closes it. */
export async function withMariadb<T>(
  target: Target,
  work: (connection: mariadb.Connection) => Promise<T>,
  options: mariadb.ConnectionConfig = {},
): Promise<T> {
  const connection = await connectMariadb(target, options);
  try {
    return await work(connection);
  } finally {
    await connection.end().catch(() => connection.destroy());
  }
}

/** The server's own error as a driver reports it, without what differs from run to run. */
export interface Failure {
  readonly errno: number;
  readonly sqlState: string;
  readonly message: string;
}

function property(error: unknown, name: string): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, name) : undefined;
}

/**
 * The error that `work` fails with.
 *
 * @throws {Error} When it succeeds, or fails with something that no server sent.
 */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  try {
    await work;
  } catch (error) {
    const errno = property(error, "errno");
    const sqlState = property(error, "sqlState");
    const message = property(error, "sqlMessage");
    if (typeof errno !== "number" || typeof sqlState !== "string") throw error;
    return { errno, sqlState, message: String(message) };
  }
  throw new Error("It works where it should fail");
}

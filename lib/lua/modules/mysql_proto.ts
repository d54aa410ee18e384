/**
 * `mysql.proto`: packets to tables and back (spec section 4.9). All functions take and return payloads, without headers; bytes
 * that cannot be decoded raise an error.
 *
 * @module
 */
import type { LuaEngine, LuaFunction, LuaValue } from "../engine.ts";
import { about } from "./context.ts";
import { Fields } from "./fields.ts";
import { fromMasterinfoString, toMasterinfoString } from "./master_info.ts";
import { fromChallengePacket, fromResponsePacket, toChallengePacket, toResponsePacket } from "./proto_login.ts";
import { fromEofPacket, fromErrPacket, fromOkPacket, toEofPacket, toErrPacket, toOkPacket } from "./proto_replies.ts";
import {
  fromStmtClosePacket,
  fromStmtExecutePacket,
  fromStmtPrepareOkPacket,
  fromStmtPreparePacket,
  stmtIdFromStmtExecutePacket,
} from "./proto_statements.ts";

/** Makes the module loadable. */
export function preloadMysqlProto(engine: LuaEngine): void {
  const decoder = (decode: (payload: Uint8Array) => LuaValue): LuaFunction => (L) => {
    engine.push(L, decode(engine.argBytes(L, 1)));
    return 1;
  };
  const encoder = (encode: (fields: Fields) => Uint8Array): LuaFunction => (L) => {
    engine.pushBytes(L, encode(new Fields(engine, L, 1)));
    return 1;
  };
  const functions: Record<string, LuaFunction> = {
    from_err_packet: decoder(fromErrPacket),
    to_err_packet: encoder(toErrPacket),
    from_ok_packet: decoder(fromOkPacket),
    to_ok_packet: encoder(toOkPacket),
    from_eof_packet: decoder(fromEofPacket),
    to_eof_packet: encoder(toEofPacket),
    from_challenge_packet: decoder(fromChallengePacket),
    to_challenge_packet: encoder(toChallengePacket),
    from_response_packet(L) {
      const server = engine.optInteger(L, 2, undefined);
      engine.push(L, fromResponsePacket(engine.argBytes(L, 1), server));
      return 1;
    },
    to_response_packet: encoder(toResponsePacket),
    from_masterinfo_string: decoder(fromMasterinfoString),
    to_masterinfo_string: encoder(toMasterinfoString),
    from_stmt_prepare_packet: decoder(fromStmtPreparePacket),
    from_stmt_prepare_ok_packet: decoder(fromStmtPrepareOkPacket),
    from_stmt_execute_packet(L) {
      const payload = engine.argBytes(L, 1);
      engine.push(L, fromStmtExecutePacket(payload, engine.argInteger(L, 2)));
      return 1;
    },
    stmt_id_from_stmt_execute_packet: decoder(stmtIdFromStmtExecutePacket),
    from_stmt_close_packet: decoder(fromStmtClosePacket),
  };
  engine.preload("mysql.proto", (L) => {
    return engine.module(L, "mysql.proto", functions, about("mysql.proto", "Reads and writes MySQL packets"));
  });
}

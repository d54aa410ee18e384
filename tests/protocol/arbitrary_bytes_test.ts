import { assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  Capability,
  changeCapabilities,
  changeResponse,
  changeUserWithResponse,
  ColumnType,
  parseAuthMoreData,
  parseAuthNextFactor,
  parseAuthSwitchRequest,
  parseBinaryRow,
  parseBinlogDump,
  parseBinlogEvent,
  parseChangeUser,
  parseColumnDefinition,
  parseEof,
  parseErr,
  parseHandshake,
  parseHandshakeResponse,
  parseLocalInfileRequest,
  parseOk,
  parsePrepareOk,
  parseProgress,
  parseQuery,
  parseRegisterReplica,
  parseResultSetHeader,
  parseStatementBulkExecute,
  parseStatementCommand,
  parseStatementExecute,
  parseTextRow,
  ProtocolError,
} from "../../lib/protocol/mod.ts";

const all = Object.values(Capability).reduce((bits, flag) => bits | flag, 0n);
const columns = Object.values(ColumnType).map((type) => ({ type, flags: 0 }));

/** Every parser, with the first byte that gets it past its first check. */
const parsers: Record<string, [number | undefined, (payload: Uint8Array) => unknown]> = {
  changeResponse: [undefined, (payload) => changeResponse(payload, { capabilities: 0x1bfffeffn })],
  changeUserWithResponse: [0x11, (payload) => changeUserWithResponse(payload, all, Uint8Array.of(1, 2))],
  parseAuthMoreData: [0x01, parseAuthMoreData],
  parseAuthNextFactor: [0x02, parseAuthNextFactor],
  parseAuthSwitchRequest: [0xfe, parseAuthSwitchRequest],
  parseBinaryRow: [0x00, (payload) => parseBinaryRow(payload, columns)],
  parseBinlogDump: [0x12, parseBinlogDump],
  parseBinlogDumpGtid: [0x1e, parseBinlogDump],
  parseBinlogEvent: [0x00, parseBinlogEvent],
  parseChangeUser: [0x11, (payload) => parseChangeUser(payload, all)],
  parseColumnDefinition: [undefined, (payload) => parseColumnDefinition(payload, all)],
  parseEof: [0xfe, parseEof],
  parseErr: [0xff, parseErr],
  parseHandshake: [0x0a, parseHandshake],
  parseHandshakeResponse: [undefined, parseHandshakeResponse],
  parseLocalInfileRequest: [0xfb, parseLocalInfileRequest],
  parseOk: [0x00, (payload) => parseOk(payload, all)],
  parsePrepareOk: [0x00, (payload) => parsePrepareOk(payload, all)],
  parseProgress: [0xff, parseProgress],
  parseQuery: [0x03, (payload) => parseQuery(payload, all)],
  parseRegisterReplica: [0x15, parseRegisterReplica],
  parseResultSetHeader: [undefined, (payload) => parseResultSetHeader(payload, all)],
  parseStatementBulkExecute: [0xfa, (payload) => parseStatementBulkExecute(payload, 2)],
  parseStatementCommand: [0x18, parseStatementCommand],
  parseStatementExecute: [0x17, (payload) => parseStatementExecute(payload, { capabilities: all, parameterCount: 2 })],
  parseTextRow: [undefined, (payload) => parseTextRow(payload, 3)],
  changeCapabilities: [0x0a, (payload) => changeCapabilities(payload, all, all)],
};

for (const [name, [first, parse]] of Object.entries(parsers)) {
  Deno.test(`${name}() throws nothing but ProtocolError on arbitrary bytes, and changes none`, () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      if (first !== undefined && bytes.length > 0) bytes[0] = first;
      const before = bytes.slice();
      try {
        parse(bytes);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
      assertEquals(bytes, before);
    }));
  });
}

/**
 * Replication: a replica's commands, and the stream of binary log events that answers a dump. The stream is a row of packets
 * that each begin with 0x00, until an ERR or EOF packet.
 *
 * Sources: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication.html and
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html
 *
 * @module
 */
import { Command } from "./command.ts";
import { ProtocolError } from "./error.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";
import { encodeText } from "./text.ts";

/** The flags of both dump commands. */
export const BinlogDumpFlag = {
  /** End the stream with EOF at the end of the log, instead of waiting for more. */
  BINLOG_DUMP_NON_BLOCK: 0x01,
  /** Only in COM_BINLOG_DUMP_GTID: the file's name and position count. */
  BINLOG_THROUGH_POSITION: 0x02,
  /** Only in COM_BINLOG_DUMP_GTID: the set of GTIDs counts. */
  BINLOG_THROUGH_GTID: 0x04,
} as const;

/** A request for events. */
export type BinlogDump =
  | {
    readonly kind: "position";
    readonly position: number;
    readonly flags: number;
    readonly serverId: number;
    readonly fileName: string;
  }
  | {
    readonly kind: "gtid";
    readonly position: bigint;
    readonly flags: number;
    readonly serverId: number;
    readonly fileName: string;
    /** The encoded set of GTIDs that the replica has. */
    readonly gtidSet: Uint8Array;
  };

/**
 * Reads a COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID.
 *
 * @throws {ProtocolError} `malformed` if it is neither, `truncated` if it ends within a field.
 */
export function parseBinlogDump(payload: Uint8Array): BinlogDump {
  const reader = new PayloadReader(payload);
  const command = reader.u8();
  if (command === Command.COM_BINLOG_DUMP) {
    const position = reader.u32();
    return { kind: "position", position, flags: reader.u16(), serverId: reader.u32(), fileName: reader.restText() };
  }
  if (command !== Command.COM_BINLOG_DUMP_GTID) {
    throw new ProtocolError("malformed", `Expected a binlog dump, got the command "0x${command.toString(16)}"`);
  }
  const flags = reader.u16();
  const serverId = reader.u32();
  const nameReader = new PayloadReader(reader.bytes(reader.u32()));
  const position = reader.u64();
  // Without the data's length there is no set: documented as optional by the flag.
  const gtidSet = reader.remaining > 0 ? reader.bytes(reader.u32()).slice() : new Uint8Array();
  return { kind: "gtid", position, flags, serverId, fileName: nameReader.restText(), gtidSet };
}

/** Writes a COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID. */
export function encodeBinlogDump(dump: BinlogDump): Uint8Array {
  const writer = new PayloadWriter();
  if (dump.kind === "position") {
    return writer
      .u8(Command.COM_BINLOG_DUMP).u32(dump.position).u16(dump.flags).u32(dump.serverId).text(dump.fileName).finish();
  }
  const name = encodeText(dump.fileName);
  return writer
    .u8(Command.COM_BINLOG_DUMP_GTID).u16(dump.flags).u32(dump.serverId)
    .u32(name.length).bytes(name).u64(dump.position)
    .u32(dump.gtidSet.length).bytes(dump.gtidSet)
    .finish();
}

/** How a replica introduces itself. */
export interface RegisterReplica {
  readonly serverId: number;
  readonly hostname: string;
  readonly user: string;
  readonly password: string;
  readonly port: number;
  readonly rank: number;
  /** 0: the source fills in its own. */
  readonly sourceId: number;
}

/** @throws {ProtocolError} `malformed` if it is no COM_REGISTER_SLAVE, `truncated` if it ends within a field. */
export function parseRegisterReplica(payload: Uint8Array): RegisterReplica {
  const reader = new PayloadReader(payload).expect(Command.COM_REGISTER_SLAVE, "COM_REGISTER_SLAVE");
  const serverId = reader.u32();
  const shortText = () => new PayloadReader(reader.bytes(reader.u8())).restText();
  return {
    serverId,
    hostname: shortText(),
    user: shortText(),
    password: shortText(),
    port: reader.u16(),
    rank: reader.u32(),
    sourceId: reader.u32(),
  };
}

/** Writes a COM_REGISTER_SLAVE. */
export function encodeRegisterReplica(replica: RegisterReplica): Uint8Array {
  return new PayloadWriter()
    .u8(Command.COM_REGISTER_SLAVE)
    .u32(replica.serverId)
    .shortBytes(encodeText(replica.hostname))
    .shortBytes(encodeText(replica.user))
    .shortBytes(encodeText(replica.password))
    .u16(replica.port)
    .u32(replica.rank)
    .u32(replica.sourceId)
    .finish();
}

/** The length of an event's header. */
export const BINLOG_EVENT_HEADER_LENGTH = 19;

const SEMI_SYNC_MAGIC = 0xef;

/** An event in the stream. */
export interface BinlogEvent {
  /** Seconds since 1970. */
  readonly timestamp: number;
  /** Such as 4 for ROTATE_EVENT. */
  readonly type: number;
  readonly serverId: number;
  /** Of header and body together, in bytes. */
  readonly size: number;
  /** Where the next event begins in the log file; 0 for events that are not in it. */
  readonly nextPosition: number;
  readonly flags: number;
  /** What follows the header, with the checksum if there is one; a view of the payload. */
  readonly body: Uint8Array;
  /** Only with semi-synchronous replication: whether the source waits for an acknowledgement. */
  readonly wantsAck?: boolean;
}

/**
 * Reads a packet of the stream.
 *
 * @param semiSync Whether the replica asked for semi-synchronous replication, which puts two bytes before each event.
 * @throws {ProtocolError} `malformed` if it is no event, `truncated` if it is shorter than a header.
 */
export function parseBinlogEvent(payload: Uint8Array, semiSync = false): BinlogEvent {
  const reader = new PayloadReader(payload).expect(0x00, "a binlog event");
  const semi = semiSync
    ? { wantsAck: reader.expect(SEMI_SYNC_MAGIC, "a semi-synchronous binlog event").u8() === 1 }
    : {};
  return {
    ...semi,
    timestamp: reader.u32(),
    type: reader.u8(),
    serverId: reader.u32(),
    size: reader.u32(),
    nextPosition: reader.u32(),
    flags: reader.u16(),
    body: reader.rest(),
  };
}

/** Writes a packet of the stream; `size` follows from the body. */
export function encodeBinlogEvent(event: Omit<BinlogEvent, "size">): Uint8Array {
  const writer = new PayloadWriter(event.body.length + BINLOG_EVENT_HEADER_LENGTH + 3).u8(0x00);
  if (event.wantsAck !== undefined) writer.u8(SEMI_SYNC_MAGIC).u8(event.wantsAck ? 1 : 0);
  return writer
    .u32(event.timestamp)
    .u8(event.type)
    .u32(event.serverId)
    .u32(BINLOG_EVENT_HEADER_LENGTH + event.body.length)
    .u32(event.nextPosition)
    .u16(event.flags)
    .bytes(event.body)
    .finish();
}

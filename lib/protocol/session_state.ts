/**
 * Session state changes: what an OK packet tells about the session when `CLIENT_SESSION_TRACK` was agreed on and the
 * status has `SERVER_SESSION_STATE_CHANGED`.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_ok_packet.html (sect_protocol_basic_ok_packet_sessinfo)
 *
 * @module
 */
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** One change. */
export type SessionStateChange =
  | { readonly kind: "system-variable"; readonly name: string; readonly value: string }
  | { readonly kind: "schema"; readonly name: string }
  /** Something that a reconnecting client would have to restore has changed (`1`), or nothing has. */
  | { readonly kind: "state-change"; readonly changed: boolean }
  | { readonly kind: "gtids"; readonly encoding: number; readonly gtids: string }
  /** The statements that would start the current transaction again; empty outside of one. */
  | { readonly kind: "transaction-characteristics"; readonly statements: string }
  /** Eight letters such as `T___W___`; `________` outside of a transaction. */
  | { readonly kind: "transaction-state"; readonly state: string }
  | { readonly kind: "unknown"; readonly tracker: number; readonly data: Uint8Array };

/** The trackers' numbers on the wire. */
export const SessionTracker = {
  SESSION_TRACK_SYSTEM_VARIABLES: 0x00,
  SESSION_TRACK_SCHEMA: 0x01,
  SESSION_TRACK_STATE_CHANGE: 0x02,
  SESSION_TRACK_GTIDS: 0x03,
  SESSION_TRACK_TRANSACTION_CHARACTERISTICS: 0x04,
  SESSION_TRACK_TRANSACTION_STATE: 0x05,
} as const;

function parseTracker(tracker: number, data: Uint8Array): SessionStateChange[] {
  const reader = new PayloadReader(data);
  switch (tracker) {
    case SessionTracker.SESSION_TRACK_SYSTEM_VARIABLES: {
      const changes: SessionStateChange[] = [];
      while (reader.remaining > 0) {
        changes.push({ kind: "system-variable", name: reader.lenencText(), value: reader.lenencText() });
      }
      return changes;
    }
    case SessionTracker.SESSION_TRACK_SCHEMA:
      return [{ kind: "schema", name: reader.lenencText() }];
    case SessionTracker.SESSION_TRACK_STATE_CHANGE:
      return [{ kind: "state-change", changed: reader.lenencText() === "1" }];
    case SessionTracker.SESSION_TRACK_GTIDS:
      return [{ kind: "gtids", encoding: reader.u8(), gtids: reader.lenencText() }];
    case SessionTracker.SESSION_TRACK_TRANSACTION_CHARACTERISTICS:
      return [{ kind: "transaction-characteristics", statements: reader.lenencText() }];
    case SessionTracker.SESSION_TRACK_TRANSACTION_STATE:
      return [{ kind: "transaction-state", state: reader.lenencText() }];
    default:
      return [{ kind: "unknown", tracker, data: data.slice() }];
  }
}

/**
 * Reads the session state block of an OK packet, without its length in front.
 *
 * @throws {ProtocolError} `truncated` if an entry overruns.
 */
export function parseSessionState(block: Uint8Array): SessionStateChange[] {
  const reader = new PayloadReader(block);
  const changes: SessionStateChange[] = [];
  while (reader.remaining > 0) {
    const tracker = reader.u8();
    changes.push(...parseTracker(tracker, reader.lenencBytes()));
  }
  return changes;
}

function encodeTracker(change: SessionStateChange): [number, Uint8Array] {
  const data = new PayloadWriter();
  switch (change.kind) {
    case "system-variable":
      return [
        SessionTracker.SESSION_TRACK_SYSTEM_VARIABLES,
        data.lenencText(change.name).lenencText(change.value).finish(),
      ];
    case "schema":
      return [SessionTracker.SESSION_TRACK_SCHEMA, data.lenencText(change.name).finish()];
    case "state-change":
      return [SessionTracker.SESSION_TRACK_STATE_CHANGE, data.lenencText(change.changed ? "1" : "0").finish()];
    case "gtids":
      return [SessionTracker.SESSION_TRACK_GTIDS, data.u8(change.encoding).lenencText(change.gtids).finish()];
    case "transaction-characteristics":
      return [
        SessionTracker.SESSION_TRACK_TRANSACTION_CHARACTERISTICS,
        data.lenencText(change.statements).finish(),
      ];
    case "transaction-state":
      return [SessionTracker.SESSION_TRACK_TRANSACTION_STATE, data.lenencText(change.state).finish()];
    case "unknown":
      return [change.tracker, change.data];
  }
}

/** The session state block of an OK packet, without its length in front. */
export function encodeSessionState(changes: readonly SessionStateChange[]): Uint8Array {
  const writer = new PayloadWriter();
  for (const change of changes) {
    const [tracker, data] = encodeTracker(change);
    writer.u8(tracker).lenencBytes(data);
  }
  return writer.finish();
}

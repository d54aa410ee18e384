/**
 * Changes to a client's answer to the handshake that leave the rest of it as the client sent it.
 *
 * Parsing and encoding again would lose what a text cannot hold (names in other character sets), which trailing fields the
 * client left out, and what it sent beyond them. So these functions work on the bytes.
 *
 * @module
 */
import { Capability, hasCapability } from "./capability.ts";
import { ProtocolError } from "./error.ts";
import { RESPONSE_320_HEAD, RESPONSE_41_HEAD } from "./handshake_response.ts";
import { readUint16, readUint32, writeUint16, writeUint32 } from "./integer.ts";
import { PayloadReader } from "./payload_reader.ts";
import { PayloadWriter } from "./payload_writer.ts";

/** What {@linkcode changeResponse} shall change. */
export interface ResponseChange {
  /** All capabilities of the new response, bits of {@linkcode Capability}. */
  readonly capabilities: bigint;
  /** The plugin's new data; the client's stays if it is missing. */
  readonly authResponse?: Uint8Array;
  /** The level to ask for with `CLIENT_ZSTD_COMPRESSION_ALGORITHM`; the client's stays if it is missing, without one 3. */
  readonly zstdLevel?: number;
}

/** Where MariaDB's extended bits are. */
const EXTENDED_CAPABILITIES = 28;

const DEFAULT_ZSTD_LEVEL = 3;

/** An empty name, empty data, no attributes: all are one zero byte. */
const EMPTY_FIELD = Uint8Array.of(0);

/** A field behind the fixed part, with its length or NUL; `raw` is undefined if the client left it out. */
interface Field {
  readonly raw: Uint8Array | undefined;
  /** Whether the new capabilities have it. */
  readonly wanted: boolean;
  /** `nul` needs a NUL before whatever follows; clients may leave it out at the end. */
  readonly ending: "nul" | "none";
}

function isVersion41(payload: Uint8Array): boolean {
  return hasCapability(BigInt(readUint16(payload, 0)), Capability.CLIENT_PROTOCOL_41);
}

/** The capabilities in a payload of either form. */
function capabilitiesOf(payload: Uint8Array): bigint {
  if (!isVersion41(payload)) return BigInt(readUint16(payload, 0));
  const low = BigInt(readUint32(payload, 0));
  if (hasCapability(low, Capability.CLIENT_LONG_PASSWORD) || payload.length < RESPONSE_41_HEAD) return low;
  return low | BigInt(readUint32(payload, EXTENDED_CAPABILITIES)) << 32n;
}

/** The fixed part with other capabilities in it. */
function headWith(payload: Uint8Array, capabilities: bigint): Uint8Array {
  const version41 = isVersion41(payload);
  if (hasCapability(capabilities, Capability.CLIENT_PROTOCOL_41) !== version41) {
    throw new ProtocolError("out-of-range", "Cannot change CLIENT_PROTOCOL_41: it decides the form of the response");
  }
  const length = version41 ? RESPONSE_41_HEAD : RESPONSE_320_HEAD;
  const head = new PayloadReader(payload).bytes(length).slice();
  if (!version41) {
    writeUint16(head, 0, Number(capabilities & 0xffffn));
    return head;
  }
  const longPassword = hasCapability(capabilities, Capability.CLIENT_LONG_PASSWORD);
  const extended = capabilities >> 32n;
  if (longPassword && extended !== 0n) {
    throw new ProtocolError("out-of-range", "Cannot send extended capabilities together with CLIENT_LONG_PASSWORD");
  }
  // With CLIENT_LONG_PASSWORD on both sides the bytes are filler, which is the client's business.
  if (!longPassword || !hasCapability(capabilitiesOf(payload), Capability.CLIENT_LONG_PASSWORD)) {
    writeUint32(head, EXTENDED_CAPABILITIES, Number(extended));
  }
  writeUint32(head, 0, Number(capabilities & 0xffffffffn));
  return head;
}

/** How the authentication data is delimited. */
type AuthForm = "length-encoded" | "short" | "nul";

function authForm(capabilities: bigint): AuthForm {
  if (!hasCapability(capabilities, Capability.CLIENT_PROTOCOL_41)) return "nul";
  if (hasCapability(capabilities, Capability.CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)) return "length-encoded";
  return hasCapability(capabilities, Capability.CLIENT_SECURE_CONNECTION) ? "short" : "nul";
}

function readAuth(reader: PayloadReader, form: AuthForm): Uint8Array {
  if (form === "length-encoded") return reader.lenencBytes();
  return form === "short" ? reader.bytes(reader.u8()) : reader.nulOrRestBytes();
}

function encodeAuth(data: Uint8Array, form: AuthForm): Uint8Array {
  const writer = new PayloadWriter(data.length + 9);
  if (form === "length-encoded") return writer.lenencBytes(data).finish();
  return (form === "short" ? writer.shortBytes(data) : writer.nulBytes(data)).finish();
}

/** The fields behind the fixed part, as they shall be, in their order. */
function changedFields(payload: Uint8Array, reader: PayloadReader, change: ResponseChange): Field[] {
  const before = capabilitiesOf(payload);
  const after = change.capabilities;
  const take = (read: () => unknown): Uint8Array | undefined => {
    if (reader.remaining === 0) return undefined;
    const start = reader.offset;
    read();
    return payload.subarray(start, reader.offset);
  };
  const optional = (flag: bigint, read: () => unknown): Omit<Field, "ending"> => ({
    raw: hasCapability(before, flag) ? take(read) : undefined,
    wanted: hasCapability(after, flag),
  });
  const text = () => reader.nulOrRestBytes();
  const fields: Field[] = [{ raw: take(text), wanted: true, ending: "nul" }];

  const [form, newForm] = [authForm(before), authForm(after)];
  let data: Uint8Array | undefined;
  const auth = take(() => data = readAuth(reader, form));
  data = change.authResponse ?? (form === newForm ? undefined : data);
  const ending = newForm === "nul" ? "nul" : "none";
  fields.push({ raw: data === undefined ? auth : encodeAuth(data, newForm), wanted: true, ending });

  fields.push({ ...optional(Capability.CLIENT_CONNECT_WITH_DB, text), ending: "nul" });
  if (!isVersion41(payload)) return fields;
  fields.push({ ...optional(Capability.CLIENT_PLUGIN_AUTH, text), ending: "nul" });
  fields.push({ ...optional(Capability.CLIENT_CONNECT_ATTRS, () => reader.lenencBytes()), ending: "none" });

  const zstd = Capability.CLIENT_ZSTD_COMPRESSION_ALGORITHM;
  const { raw, wanted } = optional(zstd, () => reader.u8());
  const level = change.zstdLevel ?? (hasCapability(before, zstd) ? undefined : DEFAULT_ZSTD_LEVEL);
  const set = wanted && level !== undefined ? new PayloadWriter(1).u8(level).finish() : raw;
  fields.push({ raw: set, wanted, ending: "none" });
  return fields;
}

/**
 * A copy of a response's payload with other capabilities, and with other authentication data or another zstd level if
 * they are given. All other bytes stay: names that are not UTF-8, filler, trailing fields that are missing although their
 * capability is set, and bytes behind the last field.
 *
 * A field whose capability goes away goes with it. One whose capability is new is empty; a new level is 3. Where such a
 * field must come behind one that the client left out, that one is written as empty.
 *
 * @param payload A login or an SSL request, of 4.1 or before.
 * @throws {ProtocolError} `truncated` if a length in the payload leads over the end, `out-of-range` if
 * `CLIENT_PROTOCOL_41` changes or a value does not fit its field.
 */
export function changeResponse(payload: Uint8Array, change: ResponseChange): Uint8Array {
  const head = headWith(payload, change.capabilities);
  const reader = new PayloadReader(payload, head.length);
  if (reader.remaining === 0 && hasCapability(capabilitiesOf(payload), Capability.CLIENT_SSL)) return head;

  const fields = changedFields(payload, reader, change).filter((field) => field.wanted);
  const trailing = reader.rest();
  const count = trailing.length > 0 ? fields.length : fields.findLastIndex((field) => field.raw !== undefined) + 1;
  const writer = new PayloadWriter(payload.length + 64).bytes(head);
  for (const [i, { raw = EMPTY_FIELD, ending }] of fields.slice(0, count).entries()) {
    writer.bytes(raw);
    const open = ending === "nul" && raw.at(-1) !== 0;
    if (open && (i < count - 1 || trailing.length > 0)) writer.u8(0);
  }
  return writer.bytes(trailing).finish();
}

/**
 * The SSL request of a client whose full response this is: the fixed part of it, with other capabilities.
 *
 * @throws {ProtocolError} `truncated` if the payload ends within the fixed part, `out-of-range` if `CLIENT_PROTOCOL_41`
 * changes.
 */
export function sslRequestFor(payload: Uint8Array, capabilities: bigint): Uint8Array {
  return headWith(payload, capabilities);
}

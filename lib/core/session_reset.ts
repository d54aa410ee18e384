/**
 * Making the session of a server connection as it was after its login, without the password.
 *
 * COM_RESET_CONNECTION does it but for what the login itself had asked for: MySQL forgets the character set, and the SQL
 * mode of CLIENT_IGNORE_SPACE.
 *
 * Source: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_com_reset_connection.html, and what MySQL 9.7 and
 * MariaDB 10.11 were seen to do.
 *
 * @module
 */
import {
  Capability,
  Command,
  concat,
  encodePacket,
  encodeText,
  hasCapability,
  PacketWalker,
  ProtocolError,
  ResponseTracker,
} from "../protocol/mod.ts";
import type { ServerLink } from "./server_link.ts";

/** The collations that clients ask for at a login, by their number. */
const COLLATIONS: Readonly<Record<number, string>> = {
  1: "big5_chinese_ci",
  2: "latin2_czech_cs",
  5: "latin1_german1_ci",
  8: "latin1_swedish_ci",
  9: "latin2_general_ci",
  11: "ascii_general_ci",
  13: "sjis_japanese_ci",
  24: "gb2312_chinese_ci",
  26: "cp1250_general_ci",
  28: "gbk_chinese_ci",
  33: "utf8_general_ci",
  45: "utf8mb4_general_ci",
  46: "utf8mb4_bin",
  47: "latin1_bin",
  48: "latin1_general_ci",
  51: "cp1251_general_ci",
  83: "utf8_bin",
  192: "utf8_unicode_ci",
  224: "utf8mb4_unicode_ci",
  255: "utf8mb4_0900_ai_ci",
};

/** One reset of one connection that is at rest. */
export class SessionReset {
  readonly #link: ServerLink;
  readonly #tracker: ResponseTracker;
  readonly #walker: PacketWalker;

  /** What is to be sent. */
  readonly bytes: Uint8Array;

  private constructor(link: ServerLink, commands: readonly Uint8Array[]) {
    this.#link = link;
    this.#tracker = new ResponseTracker(link.terms!.format);
    this.#walker = new PacketWalker(this.#tracker);
    for (const command of commands) this.#tracker.expect(command[0]!);
    this.bytes = concat(...commands.map((command) => link.wire.encode(encodePacket(command, 0), true)));
  }

  /** @returns `undefined` if the session cannot be made what it was. */
  static of(link: ServerLink): SessionReset | undefined {
    const { terms } = link;
    const collation = COLLATIONS[terms?.charset ?? 0];
    if (terms === undefined || collation === undefined) return undefined;
    const names = `SET NAMES ${collation.split("_")[0]} COLLATE ${collation}`;
    const ignoresSpace = hasCapability(terms.capabilities, Capability.CLIENT_IGNORE_SPACE);
    const mode = ", sql_mode = CONCAT(@@sql_mode, ',IGNORE_SPACE')";
    return new SessionReset(link, [
      Uint8Array.of(Command.COM_RESET_CONNECTION),
      Uint8Array.of(Command.COM_QUERY, ...encodeText(ignoresSpace ? names + mode : names)),
    ]);
  }

  /** Takes what the server says. @returns whether the session is as it was, is not, or it is too early to tell. */
  heard(bytes: Uint8Array): "done" | "failed" | "under-way" {
    try {
      this.#link.wire.decode(bytes, (plain) => this.#walker.walk(plain));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return "failed";
    }
    if (this.#tracker.errors > 0 || this.#tracker.unsolicited > 0) return "failed";
    return this.#tracker.idle ? "done" : "under-way";
  }
}

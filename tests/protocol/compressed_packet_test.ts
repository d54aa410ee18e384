import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { deflateSync } from "node:zlib";
import {
  COMPRESSED_HEADER_LENGTH,
  CompressedChannel,
  COMPRESSION_ALGORITHMS,
  type CompressionAlgorithm,
  decompress,
  encodePacket,
  ProtocolError,
  readUint24,
} from "../../lib/protocol/mod.ts";
import { hex } from "./hex.ts";

/** The examples of the protocol documentation. */
const plainSelect = hex("0d0000 00 000000 09000000 03 53454c4543542031");
const compressedSelect = hex(`
  220000 00 320000
  789cd3636060602e4ecd494d2e51503230343236313533b7b0c4cd5202000cd10a6c`);
const select = new TextEncoder().encode('\x2e\0\0\0\x03select "012345678901234567890123456789012345"');

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A compressed packet with any header. */
function packet(data: Uint8Array, plainLength: number, sequenceId = 0): Uint8Array {
  const head = [data.length, data.length >> 8, data.length >> 16, sequenceId];
  return Uint8Array.from([...head, plainLength, plainLength >> 8, plainLength >> 16, ...data]);
}

const zeros = (length: number) => new Uint8Array(deflateSync(new Uint8Array(length)));

Deno.test("CompressedChannel reads and writes the packets of the documentation", () => {
  const client = new CompressedChannel("zlib");
  assertEquals(client.encode(plainSelect.subarray(COMPRESSED_HEADER_LENGTH), true), plainSelect);
  const encoded = client.encode(select, true);
  assertEquals(readUint24(encoded, 4), 50);
  const server = new CompressedChannel("zlib");
  assertEquals(server.decode(plainSelect), hex("09000000 03 53454c4543542031"));
  assertEquals(server.decode(compressedSelect), select);
  assertEquals(server.decode(encoded), select);
});

Deno.test("CompressedChannel returns a view of a packet that came uncompressed and whole", () => {
  const plain = new CompressedChannel("zlib").decode(plainSelect);
  assert(plain.buffer === plainSelect.buffer && plain.byteOffset === plainSelect.byteOffset + 7);
});

Deno.test("CompressedChannel goes on with the number after the one that it read, and begins again with a command", () => {
  const [client, server] = [new CompressedChannel("zlib"), new CompressedChannel("zlib")];
  const numberOf = (encoded: Uint8Array) => encoded[3];
  const command = client.encode(hex("0100000e"), true);
  assertEquals(numberOf(command), 0);
  server.decode(command);
  const answers = [1, 2, 3].map(() => server.encode(hex("00"), false));
  assertEquals(answers.map(numberOf), [1, 2, 3]);
  for (const answer of answers) client.decode(answer);
  assertEquals(numberOf(client.encode(hex("00"), false)), 4);
  assertEquals(numberOf(client.encode(hex("00"), true)), 0);
  server.decode(packet(hex("00"), 0, 255));
  assertEquals(numberOf(server.encode(hex("00"), false)), 0);
  for (let i = 1; i < 256; i++) server.encode(hex("00"), false);
  assertEquals(numberOf(server.encode(hex("00"), false)), 0);
});

Deno.test("CompressedChannel sends what is short or does not get smaller as it is", () => {
  const channel = new CompressedChannel("zlib");
  const noise = crypto.getRandomValues(new Uint8Array(500));
  for (const plain of [new Uint8Array(49), noise]) {
    const encoded = channel.encode(plain, true);
    assertEquals(encoded, packet(plain, 0));
  }
  const encoded = channel.encode(new Uint8Array(50), true);
  assertEquals(readUint24(encoded, 4), 50);
  assert(encoded.length < 30);
  assertEquals(channel.encode(new Uint8Array(), true), new Uint8Array());
});

Deno.test("CompressedChannel knows whether it is between two packets", () => {
  const channel = new CompressedChannel("zlib");
  assert(channel.atBoundary);
  for (const encoded of [plainSelect, compressedSelect, packet(hex(""), 0)]) {
    for (let at = 0; at < encoded.length; at++) {
      channel.decode(encoded.subarray(at, at + 1));
      assertEquals(channel.atBoundary, at === encoded.length - 1);
    }
  }
});

Deno.test("CompressedChannel passes uncompressed data on as it arrives", () => {
  const channel = new CompressedChannel("zlib");
  assertEquals(channel.decode(plainSelect.subarray(0, 10)), hex("090000"));
  assertEquals(channel.decode(plainSelect.subarray(10)), hex("00 03 53454c4543542031"));
});

for (const algorithm of COMPRESSION_ALGORITHMS) {
  Deno.test(`CompressedChannel round trips with ${algorithm}, however the bytes are split`, () => {
    const pieces = fc.array(fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.tuple(fc.nat(255), fc.nat(3000)).map(([byte, length]) => new Uint8Array(length).fill(byte)),
    ));
    fc.assert(fc.property(pieces, fc.array(fc.nat(400)), fc.integer({ min: 1, max: 9 }), (sent, splits, level) => {
      const writer = new CompressedChannel(algorithm, { level });
      const wire = concat(sent.map((piece, i) => writer.encode(piece, i === 0)));
      const reader = new CompressedChannel(algorithm);
      const received: Uint8Array[] = [];
      let at = 0;
      for (const length of splits) {
        received.push(reader.decode(wire.slice(at, at + length)));
        at += length;
      }
      received.push(reader.decode(wire.subarray(at)));
      assertEquals(concat(received), concat(sent));
      assert(reader.atBoundary);
    }));
  });

  Deno.test(`CompressedChannel throws nothing but ProtocolError on arbitrary bytes with ${algorithm}`, () => {
    const frames = fc.tuple(fc.uint8Array({ maxLength: 60 }), fc.nat(0xffffff)).map(([data, length]) =>
      packet(data, length)
    );
    const spoilt = fc.tuple(fc.nat(200), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
      const encoded = new CompressedChannel(algorithm).encode(new Uint8Array(200).map((_, i) => i * i), true);
      encoded[at % encoded.length]! ^= bits;
      return encoded;
    });
    fc.assert(fc.property(fc.oneof(fc.uint8Array({ maxLength: 60 }), frames, spoilt), (bytes) => {
      const before = bytes.slice();
      try {
        new CompressedChannel(algorithm).decode(bytes);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
      }
      assertEquals(bytes, before);
    }));
  });

  Deno.test(`CompressedChannel refuses data of another length than stated, with ${algorithm}`, () => {
    const encoded = new CompressedChannel(algorithm).encode(new Uint8Array(1000), true);
    const code = (length: number, data = encoded.subarray(7)) =>
      assertThrows(() => new CompressedChannel(algorithm).decode(packet(data, length)), ProtocolError).code;
    assertEquals(code(999), "too-large");
    assertEquals(code(1), "too-large");
    assertEquals(code(1001), "malformed");
    assertEquals(code(0xffffff), "malformed");
    assertEquals(code(1000, encoded.subarray(7, -2)), "malformed");
    assertEquals(code(1000, new Uint8Array()), "malformed");
    assertEquals(code(1000, new Uint8Array(100)), "malformed");
  });

  Deno.test(`CompressedChannel splits more than 2^24-1 bytes with ${algorithm}`, () => {
    const bytes = encodePacket(new Uint8Array(0xffffff + 100).fill(7), 0);
    const encoded = new CompressedChannel(algorithm, { level: 1 }).encode(bytes, true);
    assertEquals(readUint24(encoded, 4), 0xffffff);
    const second = COMPRESSED_HEADER_LENGTH + readUint24(encoded, 0);
    assertEquals(encoded[second + 3], 1);
    assertEquals(readUint24(encoded, second + 4), bytes.length - 0xffffff);
    const decoded = new CompressedChannel(algorithm).decode(encoded);
    assert(decoded.length === bytes.length && decoded.every((byte, i) => byte === bytes[i]));
  });
}

Deno.test("decompress() stops at the stated length, whatever the data would make", () => {
  // 32 MiB out of 32 kB, and lengths at the borders of the buffers in between.
  const bomb = zeros(1 << 25);
  for (const length of [1, 1000, 1 << 16, (1 << 24) - 1, (1 << 25) - 1]) {
    assertEquals(assertThrows(() => decompress("zlib", bomb, length), ProtocolError).code, "too-large");
  }
  assertEquals(decompress("zlib", bomb, 1 << 25).length, 1 << 25);
  assertEquals(assertThrows(() => decompress("zlib", bomb, (1 << 25) + 1), ProtocolError).code, "malformed");
  const damaged = bomb.slice();
  damaged[2000]! ^= 0xff;
  assertThrows(() => decompress("zlib", damaged, 1 << 24), ProtocolError);
  assertThrows(() => decompress("zlib", new Uint8Array(100_000), 100), ProtocolError);
});

Deno.test("CompressedChannel refuses algorithms that the runtime does not have, and levels that none has", () => {
  for (const algorithm of ["zlib", "zstd"] satisfies CompressionAlgorithm[]) {
    if (COMPRESSION_ALGORITHMS.includes(algorithm)) {
      for (const level of [0, 23, 1.5]) {
        const error = assertThrows(() => new CompressedChannel(algorithm, { level }), ProtocolError);
        assertEquals(error.code, "out-of-range");
      }
    } else {
      assertEquals(assertThrows(() => new CompressedChannel(algorithm), ProtocolError).code, "unsupported");
    }
  }
});

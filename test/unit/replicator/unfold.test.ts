import {describe, expect, it} from 'vitest';
import {unfold} from '../../../replicator/source/packets.ts';

/** An event with its header: timestamp, type, server id, length, end position, flags. */
function event(type: number, body: Buffer): Buffer {
  const header = Buffer.alloc(19);
  header.writeUInt32LE(1_700_000_000, 0);
  header.writeUInt8(type, 4);
  header.writeUInt32LE(header.length + body.length, 9);
  header.writeUInt32LE(0, 13);
  return Buffer.concat([header, body]);
}

/** A zstd frame of one uncompressed block. */
function zstd(content: Buffer): Buffer {
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x20, content.length]);
  const block = Buffer.alloc(3);
  block.writeUIntLE((content.length << 3) | 1, 0, 3);
  return Buffer.concat([head, block, content]);
}

function packet(payload: Buffer, compression: readonly number[], {checksum}: {checksum: boolean}) {
  const fields = Buffer.from([
    2,
    compression.length,
    ...compression,
    3,
    3,
    0xfc,
    0xe8,
    0x03,
    1,
    1,
    payload.length,
    0,
  ]);
  const outer = event(40, Buffer.concat([fields, payload, ...(checksum ? [Buffer.from('sum!')] : [])]));
  outer.writeUInt32LE(4711, 13);
  const before = Buffer.from('xx');
  const buffer = Buffer.concat([before, Buffer.from([0]), outer]);
  return {
    buffer,
    start: before.length,
    offset: before.length,
    end: buffer.length,
    isEOF: () => false,
    isError: () => false,
  };
}

const inner = [event(2, Buffer.from('BEGIN')), event(30, Buffer.from('rows')), event(16, Buffer.alloc(8))];

describe('a compressed transaction', () => {
  for (const checksum of [false, true]) {
    for (const [name, payload, compression] of [
      ['zstd', zstd(Buffer.concat(inner)), [0]],
      ['no compression', Buffer.concat(inner), [0xfc, 0xff, 0x00]],
    ] as const) {
      it(`of ${name} ${checksum ? 'with' : 'without'} checksums is unfolded`, () => {
        const room = checksum ? 4 : 0;
        const packets = unfold(packet(payload, compression, {checksum}), room);
        expect(packets).toHaveLength(3);
        packets.forEach((one, i) => {
          const original = inner[i] ?? Buffer.alloc(0);
          expect(one.end).toBe(1 + original.length + room);
          expect(one.buffer[5]).toBe(original[4]);
          expect(one.buffer.readUInt32LE(1 + 9)).toBe(original.length + room);
          // The position of each event is that of the whole, because a stream can resume only there.
          expect(one.buffer.readUInt32LE(1 + 13)).toBe(4711);
          expect(one.buffer.subarray(1 + 19, one.end - room)).toEqual(original.subarray(19));
          expect([one.isEOF(), one.isError()]).toEqual([false, false]);
        });
      });
    }
  }
});

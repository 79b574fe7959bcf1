/**
 * Reads the packets of the dump. Events that come often are read here, straight from their bytes; compressed
 * transactions are unfolded into their events; events that zongji would skip are refused. zongji decodes the others.
 */
import {decompress} from 'fzstd';
import {inflateImages} from '../decode/compressed.ts';
import {Cursor} from '../decode/table-map.ts';
import type {Packet} from './dump.ts';
import {readQuery, type QueryEvent} from './query-event.ts';

/** `head`: an event that every dump begins with, before the source has found our position. */
export type PacketKind = 'head' | 'heartbeat' | 'event';

export interface PacketTap {
  readonly onPacket: (kind: PacketKind) => void;
  readonly onUnsupported: (reason: string) => void;
  /** @param end the position of the next event; 0 if more of the same transaction follows */
  readonly onStatement: (statement: QueryEvent, end: number, timestampMs: number) => void;
  /**
   * Receives a table map event.
   *
   * @param body the event without its header; it is the caller's buffer
   */
  readonly onTable: (tableId: number, body: Buffer) => void;
  /** Rows of any table. */
  readonly onChange: (change: RowsHeader) => void;
  /** Whether the rows of a table are needed. */
  readonly isMapped: (tableId: number) => boolean;
  readonly onRows: (event: RowsPacket) => void;
  /**
   * Receives the beginning of a transaction. Events that come once per transaction are read here, because zongji
   * makes half a dozen objects of each.
   *
   * @param end the position of the next event
   */
  readonly onMariadbGtid: (gtid: string, isStandalone: boolean, end: number) => void;
  /** @param end the position of the next event */
  readonly onXid: (end: number, timestampMs: number) => void;
}

/** The fields of a row event before its rows. */
export interface RowsHeader {
  readonly kind: 'insert' | 'update' | 'delete';
  readonly tableId: number;
  readonly unchecked: boolean;
  /** These are the last rows of their statement. */
  readonly ends: boolean;
}

/** The bytes of a row event without its header. */
export interface RowsPacket extends RowsHeader {
  readonly buffer: Buffer;
  readonly from: number;
  readonly to: number;
}

// Event types: MySQL's binlog_event.h and MariaDB's log_event.h.
const QUERY = 2;
const EXECUTE_LOAD_QUERY = 18;
const XID = 16;
const TABLE_MAP = 19;
const INCIDENT = 26;
const HEARTBEATS: ReadonlySet<number> = new Set([27, 41]);
/** Rotate, format description, previous GTIDs, and MariaDB's checkpoint, GTID list and start of encryption. */
const HEADS: ReadonlySet<number> = new Set([4, 15, 35, 161, 163, 164]);
interface RowsForm {
  readonly kind: RowsPacket['kind'];
  readonly version: 1 | 2;
  /** Compressed by MariaDB's `log_bin_compress`. */
  readonly isCompressed: boolean;
}
/** Row events of the first and second version, and compressed ones. */
const ROWS: Readonly<Record<number, RowsForm>> = {
  23: {kind: 'insert', version: 1, isCompressed: false},
  24: {kind: 'update', version: 1, isCompressed: false},
  25: {kind: 'delete', version: 1, isCompressed: false},
  30: {kind: 'insert', version: 2, isCompressed: false},
  31: {kind: 'update', version: 2, isCompressed: false},
  32: {kind: 'delete', version: 2, isCompressed: false},
  166: {kind: 'insert', version: 1, isCompressed: true},
  167: {kind: 'update', version: 1, isCompressed: true},
  168: {kind: 'delete', version: 1, isCompressed: true},
  169: {kind: 'insert', version: 2, isCompressed: true},
  170: {kind: 'update', version: 2, isCompressed: true},
  171: {kind: 'delete', version: 2, isCompressed: true},
};
const STATEMENT_END = 1;
const NO_FOREIGN_KEY_CHECKS = 2;
const PARTIAL_UPDATE_ROWS = 39;
const TRANSACTION_PAYLOAD = 40;

const MARIADB_GTID = 162;
const STANDALONE = 1;
/** An XA transaction is prepared or ended: more follows. */
const XA = 64 | 128;
const HEADER_BYTES = 19;
const READ: readonly Packet[] = [];

/**
 * Reads a packet.
 *
 * @param checksumBytes the bytes at the end of each event that are its checksum
 * @returns what zongji has to decode: the packet, or some that were compressed in it
 */
export function readPacket(packet: Packet, checksumBytes: number, tap: PacketTap): readonly Packet[] {
  // The packet has a marker byte, then the header: timestamp, type, server id, length, end position, flags.
  const type = packet.buffer[packet.offset + 5] ?? 0;
  tap.onPacket(kindOf(type));
  if (packet.isEOF() || packet.isError()) return [packet];
  const end = packet.end - checksumBytes;
  const body = packet.offset + 1 + HEADER_BYTES;
  const rows = ROWS[type];
  if (rows !== undefined) {
    const header = rowsHeader(packet, rows);
    tap.onChange(header);
    if (tap.isMapped(header.tableId)) tap.onRows(rowsPacket(packet, end, header, rows));
    return READ;
  }
  switch (type) {
    case TABLE_MAP:
      tap.onTable(packet.buffer.readUIntLE(body, 6), packet.buffer.subarray(body, end));
      return READ;
    case XID:
      tap.onXid(nextPositionOf(packet), timestampMsOf(packet));
      return READ;
    case MARIADB_GTID: {
      const flags = packet.buffer[body + 12] ?? 0;
      if ((flags & XA) !== 0) return [packet];
      tap.onMariadbGtid(mariadbGtid(packet), (flags & STANDALONE) !== 0, nextPositionOf(packet));
      return READ;
    }
    case TRANSACTION_PAYLOAD:
      return unfold(packet, checksumBytes).flatMap(event => readPacket(event, checksumBytes, tap));
    case INCIDENT:
      tap.onUnsupported('the log holds an incident: the source lost changes before it could log them');
      return READ;
    case PARTIAL_UPDATE_ROWS:
      tap.onUnsupported('the log holds partial JSON updates (binlog_row_value_options)');
      return READ;
    case QUERY:
    case EXECUTE_LOAD_QUERY: {
      const isLoad = type === EXECUTE_LOAD_QUERY;
      const statement = readQuery({buffer: packet.buffer, from: body, to: end}, isLoad);
      tap.onStatement(statement, isLoad ? 0 : nextPositionOf(packet), timestampMsOf(packet));
      return READ;
    }
    default:
      return [packet];
  }
}

function timestampMsOf({buffer, offset}: Packet): number {
  return buffer.readUInt32LE(offset + 1) * 1000;
}

function nextPositionOf({buffer, offset}: Packet): number {
  return buffer.readUInt32LE(offset + 14);
}

function kindOf(type: number): PacketKind {
  return HEARTBEATS.has(type) ? 'heartbeat' : HEADS.has(type) ? 'head' : 'event';
}

/** Reads domain, server and number; the server id is in the header. */
function mariadbGtid({buffer, offset}: Packet): string {
  const body = offset + 1 + HEADER_BYTES;
  const high = buffer.readUInt32LE(body + 4);
  const sequence = high === 0 ? buffer.readUInt32LE(body) : String(buffer.readBigUInt64LE(body));
  return `${buffer.readUInt32LE(body + 8)}-${buffer.readUInt32LE(offset + 6)}-${sequence}`;
}

function rowsHeader({buffer, offset}: Packet, {kind}: RowsForm): RowsHeader {
  const body = offset + 1 + HEADER_BYTES;
  const flags = buffer.readUInt16LE(body + 6);
  return {
    kind,
    tableId: buffer.readUIntLE(body, 6),
    unchecked: (flags & NO_FOREIGN_KEY_CHECKS) !== 0,
    ends: (flags & STATEMENT_END) !== 0,
  };
}

function rowsPacket({buffer, offset}: Packet, to: number, header: RowsHeader, form: RowsForm): RowsPacket {
  const body = offset + 1 + HEADER_BYTES;
  // The second version has extra data with a length of its own, which includes its two bytes.
  const from = body + 8 + (form.version === 2 ? buffer.readUInt16LE(body + 8) : 0);
  if (!form.isCompressed) return withBytes(header, buffer, from, to);
  const cursor = new Cursor(buffer, from);
  const bitmapBytes = (cursor.integer() + 7) >> 3;
  const images = cursor.at + bitmapBytes * (header.kind === 'update' ? 2 : 1);
  const inflated = Buffer.concat([buffer.subarray(from, images), inflateImages(buffer.subarray(images, to))]);
  return withBytes(header, inflated, 0, inflated.length);
}

/** Field by field: a spread takes microseconds, and there may be thousands of these in a millisecond's log. */
function withBytes(
  {kind, tableId, unchecked, ends}: RowsHeader,
  buffer: Buffer,
  from: number,
  to: number,
): RowsPacket {
  return {kind, tableId, unchecked, ends, buffer, from, to};
}

/**
 * Yields the events of a compressed transaction, as packets.
 *
 * The payload is a list of fields (type, length, value: length-encoded integers), ended by type 0, and
 * then whole events without checksums, compressed with zstd as a rule.
 * Source: MySQL's libs/mysql/binlog/event/codecs/binary.cpp and compression/payload_event_buffer_istream.
 */
export function unfold(packet: Packet, checksumBytes: number): Packet[] {
  const {buffer} = packet;
  const end = packet.end - checksumBytes;
  let at = packet.offset + 1 + HEADER_BYTES;
  const endPosition = buffer.readUInt32LE(packet.offset + 1 + 13);
  const integer = (): number => {
    const first = buffer.readUInt8(at++);
    const bytes = first === 0xfc ? 2 : first === 0xfd ? 3 : first === 0xfe ? 8 : 0;
    if (bytes === 0) return first;
    const value = bytes === 8 ? Number(buffer.readBigUInt64LE(at)) : buffer.readUIntLE(at, bytes);
    at += bytes;
    return value;
  };
  let isCompressed = true;
  for (;;) {
    const field = integer();
    if (field === 0) break;
    const length = integer();
    const next = at + length;
    // Compression type: 0 is zstd, 255 none.
    if (field === 2) isCompressed = integer() === 0;
    at = next;
  }
  const payload = buffer.subarray(at, end);
  const events = isCompressed ? Buffer.from(decompress(payload)) : payload;
  const packets: Packet[] = [];
  for (let from = 0; from < events.length;) {
    const length = events.readUInt32LE(from + 9);
    packets.push(asPacket(events.subarray(from, from + length), checksumBytes, endPosition));
    from += length;
  }
  return packets;
}

/**
 * Builds an event as it would have come uncompressed: with a marker byte, the outer end position and room for a
 * checksum.
 */
function asPacket(event: Buffer, checksumBytes: number, endPosition: number): Packet {
  const buffer = Buffer.alloc(1 + event.length + checksumBytes);
  event.copy(buffer, 1);
  buffer.writeUInt32LE(event.length + checksumBytes, 1 + 9);
  buffer.writeUInt32LE(endPosition, 1 + 13);
  return {buffer, start: 0, offset: 0, end: buffer.length, isEOF: () => false, isError: () => false};
}

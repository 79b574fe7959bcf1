/**
 * MariaDB's way to write many rows by one prepared statement (COM_STMT_BULK_EXECUTE): the server parses
 * nothing and makes no object for each value, which takes it a third less time than the same rows as text
 * (docs/benchmarks.md). mysql2 speaks all of the protocol but this one command.
 *
 * Source: https://mariadb.com/docs/server/reference/clientserver-protocol/3-binary-protocol-prepared-statements/com_stmt_bulk_execute
 */
import {EventEmitter} from 'node:events';

/** MARIADB_CLIENT_STMT_BULK_OPERATIONS, of the extended capabilities. */
const BULK_OPERATIONS = 4;
const COMMAND = 0xfa;
const SEND_TYPES = 128;
const VAR_STRING = 0xfd;
/** Of a packet, before the command. */
const PACKET_HEADER_BYTES = 4;
const OK = 0x00;
const VALUE_FOLLOWS = 0;
const IS_NULL = 1;
/** Lengths from here on take more than one byte. */
const LONG_LENGTH = 0xfb;
const FIRST_BYTES = 64 * 1024;
/** A UTF-16 unit takes at most three bytes of UTF-8. */
const BYTES_PER_UNIT = 3;

/** A connection of mysql2, with what is touched here beneath its types: what @vlasky/zongji touches, and the handshake. */
export interface DriverConnection {
  readonly _command: {mariadbExtendedClientFlags: number} | undefined;
  readonly _handshakePacket: {readonly mariadbExtendedCapabilityFlags?: number} | undefined;
  readonly clientEncoding: string;
  prepare(sql: string, done: (error: Error | null, statement: {readonly id: number}) => void): void;
  addCommand(command: Command): void;
  writePacket(packet: object): void;
  _resetSequenceId(): void;
  destroy(): void;
}

interface Command {
  readonly onResult: (error: Error | null) => void;
}

interface Packet {
  isError(): boolean;
  asError(encoding: string): Error;
  peekByte(): number;
}

/**
 * Lets a connection ask for bulk operations where it asks a server for any of MariaDB's own capabilities;
 * to be called before the server's first packet came.
 */
export function askForBulk({_command: handshake}: DriverConnection): void {
  if (handshake === undefined) return;
  let flags = handshake.mariadbExtendedClientFlags;
  Object.defineProperty(handshake, 'mariadbExtendedClientFlags', {
    get: () => (flags === 0 ? 0 : flags | BULK_OPERATIONS),
    set: (asked: number) => {
      flags = asked;
    },
  });
}

/** Whether {@link executeBulk} works on a connection that asked for it. */
export function canBulk({_handshakePacket: hello}: DriverConnection): boolean {
  return ((hello?.mariadbExtendedCapabilityFlags ?? 0) & BULK_OPERATIONS) !== 0;
}

/** Rows for one prepared statement, put together as the bytes that are sent. Every value travels as text. */
export class BulkRows {
  #buffer = Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;

  /** Bytes so far. */
  get length(): number {
    return this.#at - PACKET_HEADER_BYTES;
  }

  /** Begins anew, in the same buffer: what was put together before must have been answered. */
  begin(statementId: number, columns: number): void {
    const header = PACKET_HEADER_BYTES + 7 + 2 * columns;
    const buffer = this.#buffer;
    buffer[PACKET_HEADER_BYTES] = COMMAND;
    buffer.writeUInt32LE(statementId, PACKET_HEADER_BYTES + 1);
    buffer.writeUInt16LE(SEND_TYPES, PACKET_HEADER_BYTES + 5);
    for (let at = PACKET_HEADER_BYTES + 7; at < header; at += 2) {
      buffer[at] = VAR_STRING;
      buffer[at + 1] = 0;
    }
    this.#at = header;
  }

  /** The next column of a row; the last one ends it. */
  value(value: string | null): void {
    if (value === null) {
      this.#reserve(1);
      this.#buffer[this.#at++] = IS_NULL;
      return;
    }
    const {length} = value;
    this.#reserve(length + 4);
    const buffer = this.#buffer;
    const start = this.#at;
    buffer[start] = VALUE_FOLLOWS;
    let at = start + 2;
    if (length < LONG_LENGTH) {
      for (let i = 0; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code >= 128) return this.#utf8(value);
        buffer[at++] = code;
      }
      buffer[start + 1] = length;
      this.#at = at;
    } else this.#utf8(value);
  }

  /** What mysql2 asks of a packet that it is to send. */
  packet(): object {
    const bytes = this.#buffer.subarray(0, this.#at);
    return {
      buffer: bytes,
      length: () => bytes.length - PACKET_HEADER_BYTES,
      writeHeader: (sequenceId: number) => {
        bytes.writeUIntLE(bytes.length - PACKET_HEADER_BYTES, 0, 3);
        bytes[3] = sequenceId;
      },
    };
  }

  #utf8(value: string): void {
    const bytes = Buffer.byteLength(value, 'utf8');
    const buffer = this.#buffer;
    let at = this.#at + 1;
    if (bytes < LONG_LENGTH) buffer[at++] = bytes;
    else if (bytes < 0x10000) {
      buffer[at] = 0xfc;
      at = buffer.writeUInt16LE(bytes, at + 1);
    } else if (bytes < 0x1000000) {
      buffer[at] = 0xfd;
      at = buffer.writeUIntLE(bytes, at + 1, 3);
    } else {
      buffer[at] = 0xfe;
      at = buffer.writeBigUInt64LE(BigInt(bytes), at + 1);
    }
    this.#at = at + buffer.write(value, at, 'utf8');
  }

  /** Room for a text of as many units, with its length before it. */
  #reserve(units: number): void {
    const needed = this.#at + units * BYTES_PER_UNIT;
    if (needed <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

/**
 * Prepares a statement for {@link executeBulk}.
 *
 * @returns its id on the server
 * @throws what the driver throws
 */
export function prepare(connection: DriverConnection, sql: string): Promise<number> {
  return new Promise((resolve, reject) => {
    connection.prepare(sql, (error, statement) => {
      if (error === null) resolve(statement.id);
      else reject(error);
    });
  });
}

/**
 * Executes a prepared statement for all rows; the first one that is refused undoes them all. A server that
 * does not answer within `timeoutMs` ends the connection.
 *
 * @throws what the driver throws
 */
export function executeBulk(connection: DriverConnection, rows: BulkRows, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      connection.destroy();
      reject(Object.assign(new Error('no answer in time'), {code: 'PROTOCOL_SEQUENCE_TIMEOUT', fatal: true}));
    }, timeoutMs);
    const command = new BulkExecute(rows.packet(), error => {
      clearTimeout(timer);
      if (error === null) resolve();
      else reject(error);
    });
    connection.addCommand(command);
  });
}

/** One exchange, in the shape that mysql2's queue of commands wants. */
class BulkExecute extends EventEmitter implements Command {
  readonly onResult: (error: Error | null) => void;
  readonly #packet: object;
  #sent = false;

  constructor(packet: object, onResult: (error: Error | null) => void) {
    super();
    this.#packet = packet;
    this.onResult = onResult;
  }

  /** @returns whether the command has ended */
  execute(answer: Packet | undefined, connection: DriverConnection): boolean {
    if (!this.#sent) {
      this.#sent = true;
      connection._resetSequenceId();
      connection.writePacket(this.#packet);
      return false;
    }
    if (answer?.isError() === true) this.onResult(answer.asError(connection.clientEncoding));
    else if (answer?.peekByte() === OK) this.onResult(null);
    else throw new Error('the server answered a bulk statement with neither OK nor an error');
    this.emit('end');
    return true;
  }
}

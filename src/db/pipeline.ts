/**
 * Sends commands before the previous ones were answered. The protocol allows that, but mysql2 waits for each
 * answer. The server then has its next command as soon as it has finished one, and does not wait for our event
 * loop. Each statement of such commands must answer with OK or an error, without rows.
 */
import {EventEmitter} from 'node:events';

export const PACKET_HEADER_BYTES = 4;
const QUERY = 0x03;
/** CLIENT_QUERY_ATTRIBUTES: the driver requests it, and MySQL has had it since 8.0.23. */
const QUERY_ATTRIBUTES = 0x08000000;
/** CLIENT_SSL */
const TLS = 0x0800;
/** The number of attributes, and of sets of them. */
const NO_ATTRIBUTES = Buffer.from([0, 1]);
const OK = 0x00;
const MORE_RESULTS = 0x0008;
/** Larger commands need several packets, which mysql2 builds. */
export const MAX_PACKET_BYTES = 0xffffff;

/**
 * A connection of mysql2, with the untyped members that are used here: those that @vlasky/zongji uses, and the
 * handshake.
 */
export interface DriverConnection {
  readonly _command: {mariadbExtendedClientFlags?: number} | undefined;
  readonly _commands: {readonly length: number; peekAt(index: number): object | undefined};
  readonly config: {readonly clientFlags: number};
  readonly serverCapabilityFlags: number | undefined;
  readonly _handshakePacket:
    {readonly serverVersion?: string; readonly mariadbExtendedCapabilityFlags?: number} | undefined;
  /** Whether capabilities of MariaDB's own were requested from the server. */
  readonly _mariadbExtendedMetadata: boolean;
  readonly clientEncoding: string;
  query(
    options: {sql: string; values?: unknown[]; rowsAsArray: true; timeout?: number},
    done: (error: Error | null, rows: unknown[][]) => void,
  ): DriverQuery;
  prepare(sql: string, done: (error: Error | null, statement: {readonly id: number}) => void): void;
  addCommand(command: object): void;
  write(bytes: Buffer): void;
  writePacket(packet: OutgoingPacket): void;
  _resetSequenceId(): void;
  _bumpSequenceId(packets: number): void;
  destroy(): void;
}

/** A query in the driver's queue, with the members that are used here. */
export interface DriverQuery {
  readonly sql: string;
  start(packet: unknown, connection: DriverConnection): unknown;
}

interface Answer {
  isError(): boolean;
  asError(encoding: string): Error;
  peekByte(): number;
  skip(bytes: number): void;
  readLengthCodedNumber(): unknown;
  readInt16(): number;
}

/** The interface that mysql2 expects of a packet: its bytes, with room for a header in front. */
export class OutgoingPacket {
  readonly buffer: Buffer;

  constructor(buffer: Buffer) {
    this.buffer = buffer;
  }

  /** The bytes without the header. */
  length(): number {
    return this.buffer.length - PACKET_HEADER_BYTES;
  }

  writeHeader(sequenceId: number): void {
    this.buffer.writeUIntLE(this.length(), 0, 3);
    this.buffer[3] = sequenceId;
  }
}

/** Whether the server of an open connection has TLS. */
export function offersTls({serverCapabilityFlags = 0}: DriverConnection): boolean {
  return (serverCapabilityFlags & TLS) !== 0;
}

/** Sends statements without result rows, in the form that was agreed upon with the server. */
export function statementPacket(
  {config, serverCapabilityFlags = 0}: Pick<DriverConnection, 'config' | 'serverCapabilityFlags'>,
  sql: string,
): OutgoingPacket {
  const hasAttributes = (config.clientFlags & serverCapabilityFlags & QUERY_ATTRIBUTES) !== 0;
  const start = PACKET_HEADER_BYTES + (hasAttributes ? 1 + NO_ATTRIBUTES.length : 1);
  const buffer = Buffer.allocUnsafe(start + Buffer.byteLength(sql));
  buffer[PACKET_HEADER_BYTES] = QUERY;
  if (hasAttributes) buffer.set(NO_ATTRIBUTES, PACKET_HEADER_BYTES + 1);
  buffer.write(sql, start);
  return new OutgoingPacket(buffer);
}

/**
 * Sends a command at once if only pipelined commands wait for an answer; otherwise behind those that do not let
 * others overtake them.
 *
 * @returns when all of its statements have been answered with OK
 * @throws what the driver throws; commands that were sent after it are executed nevertheless
 */
export function pipeline(connection: DriverConnection, packet: OutgoingPacket): Promise<void> {
  return new Promise((resolve, reject) => {
    const command = new PipelinedCommand(packet, error => {
      if (error === null) resolve();
      else reject(error);
    });
    const {_commands: queued} = connection;
    const ahead = queued.length === 0 ? connection._command : queued.peekAt(queued.length - 1);
    // Answers come in the order of the driver's queue. If the last one was sent, all of them were.
    if (ahead instanceof PipelinedCommand && ahead.isSent) command.sendEarly(connection);
    connection.addCommand(command);
  });
}

/** Whether an OK belongs to a statement with others behind it. */
function moreFollow(ok: Answer): boolean {
  ok.skip(1);
  // The affected rows and the last insert id.
  ok.readLengthCodedNumber();
  ok.readLengthCodedNumber();
  return (ok.readInt16() & MORE_RESULTS) !== 0;
}

/** One exchange, with the interface that mysql2's command queue expects. */
class PipelinedCommand extends EventEmitter {
  readonly onResult: (error: Error | null) => void;
  readonly #packet: OutgoingPacket;
  #isSent = false;
  #isStarted = false;

  constructor(packet: OutgoingPacket, done: (error: Error | null) => void) {
    super();
    this.#packet = packet;
    this.onResult = done;
  }

  get isSent(): boolean {
    return this.#isSent;
  }

  /** Sends it before the driver reaches this command, unless the driver must split it. */
  sendEarly(connection: DriverConnection): void {
    if (this.#isSent || this.#packet.length() >= MAX_PACKET_BYTES) return;
    this.#isSent = true;
    this.#packet.writeHeader(0);
    connection.write(this.#packet.buffer);
  }

  /** @returns whether the command has ended */
  execute(answer: Answer | undefined, connection: DriverConnection): boolean {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#start(connection);
      return false;
    }
    if (answer?.isError() === true) this.onResult(answer.asError(connection.clientEncoding));
    else if (answer?.peekByte() === OK) {
      if (moreFollow(answer)) return false;
      this.onResult(null);
    } else throw new Error('the server answered with neither OK nor an error');
    this.emit('end');
    return true;
  }

  /** Sends those that were queued behind another command as well, so that they wait for it only, once. */
  #start(connection: DriverConnection): void {
    connection._resetSequenceId();
    if (this.#isSent) connection._bumpSequenceId(1);
    else {
      this.#isSent = true;
      connection.writePacket(this.#packet);
    }
    for (let i = 0; ; i++) {
      const next = connection._commands.peekAt(i);
      if (!(next instanceof PipelinedCommand) || next.isSent) return;
      next.sendEarly(connection);
      if (!next.isSent) return;
    }
  }
}

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
/** The number of attributes, and of sets of them. */
const NO_ATTRIBUTES = Buffer.from([0, 1]);
const OK = 0x00;
const MORE_RESULTS = 0x0008;
/** Larger commands need several packets, which mysql2 builds. */
const MAX_PACKET_BYTES = 0xffffff;

/**
 * A connection of mysql2, with the untyped members that are used here: those that @vlasky/zongji uses, and the
 * handshake.
 */
export interface DriverConnection {
  readonly _command: {mariadbExtendedClientFlags?: number} | undefined;
  readonly _commands: {readonly length: number};
  readonly config: {readonly clientFlags: number};
  readonly serverCapabilityFlags: number | undefined;
  readonly _handshakePacket:
    {readonly serverVersion?: string; readonly mariadbExtendedCapabilityFlags?: number} | undefined;
  /** Whether capabilities of MariaDB's own were requested from the server. */
  readonly _mariadbExtendedMetadata: boolean;
  readonly clientEncoding: string;
  prepare(sql: string, done: (error: Error | null, statement: {readonly id: number}) => void): void;
  addCommand(command: object): void;
  write(bytes: Buffer): void;
  writePacket(packet: OutgoingPacket): void;
  _resetSequenceId(): void;
  _bumpSequenceId(packets: number): void;
  destroy(): void;
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

/** The pipelined commands that a connection has to answer, and those of them that were sent. */
interface Outstanding {
  waiting: number;
  sent: number;
}
const outstanding = new WeakMap<DriverConnection, Outstanding>();

/**
 * Sends a command at once if only pipelined commands wait for an answer; otherwise in its turn.
 *
 * @returns when all of its statements have been answered with OK
 * @throws what the driver throws; commands that were sent after it are executed nevertheless
 */
export function pipeline(connection: DriverConnection, packet: OutgoingPacket): Promise<void> {
  let ours = outstanding.get(connection);
  if (ours === undefined) outstanding.set(connection, (ours = {waiting: 0, sent: 0}));
  const state = ours;
  return new Promise((resolve, reject) => {
    const command = new PipelinedCommand(packet, state, error => {
      if (error === null) resolve();
      else reject(error);
    });
    // Answers come in the order of the driver's queue: it must hold nothing else, and nothing unsent.
    const mayOvertake =
      state.waiting > 0 &&
      state.sent === state.waiting &&
      connection._commands.length + 1 === state.waiting &&
      packet.length() < MAX_PACKET_BYTES;
    if (mayOvertake) command.send(connection);
    state.waiting++;
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
  readonly #state: Outstanding;
  #isSent = false;
  #isStarted = false;

  constructor(packet: OutgoingPacket, state: Outstanding, done: (error: Error | null) => void) {
    super();
    this.#packet = packet;
    this.#state = state;
    this.onResult = error => {
      state.waiting--;
      if (this.#isSent) state.sent--;
      done(error);
    };
  }

  /** Sends it before the driver reaches this command. */
  send(connection: DriverConnection): void {
    this.#sent();
    this.#packet.writeHeader(0);
    connection.write(this.#packet.buffer);
  }

  /** @returns whether the command has ended */
  execute(answer: Answer | undefined, connection: DriverConnection): boolean {
    if (!this.#isStarted) {
      this.#isStarted = true;
      connection._resetSequenceId();
      if (this.#isSent) connection._bumpSequenceId(1);
      else {
        this.#sent();
        connection.writePacket(this.#packet);
      }
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

  #sent(): void {
    this.#isSent = true;
    this.#state.sent++;
  }
}

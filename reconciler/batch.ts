/**
 * One batch of source rows, read at a known position. From the opening of the batch's window on, the stream has
 * newer knowledge of each row that it touches.
 */
import type {WriterContext} from '../src/apply/writer-context.ts';
import type {StreamTap, Window} from '../src/apply/stream-tap.ts';
import type {Connection} from '../src/db/connection.ts';
import type {ServerInfo} from '../src/db/server.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {EVERYTHING, type Range} from '../src/mapping/sql/ranges.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {covers, endSnapshot, openSnapshot, type SnapshotPosition} from '../src/source/watermark.ts';
import {pause} from '../src/lifecycle/backoff.ts';

/** A worker's own connections. */
export interface Worker {
  /** Writes, with a source connection of its own, so that batches are read while others are written. */
  readonly writer: WriterContext;
  /** Reads ranges, checksums and snapshots. */
  readonly source: Connection;
  /** Reads rows over `source`. */
  readonly reader: SourceReader;
  readonly info: ServerInfo;
}

export interface SourceBatch {
  readonly entity: EntityPlan;
  readonly range: Range;
  /** The target keys that the batch holds, if it does not hold a range. */
  readonly keys: readonly RowKey[] | null;
  readonly rows: readonly Row[];
  /** The identity of the server from which the batch was read. */
  readonly server: string;
  /** The batch saw nothing after this position; null if the stream does not run. */
  readonly high: SnapshotPosition['high'];
  /** Stays open until the batch is finished; the owner of the batch closes it. */
  readonly window: Window;
}

/** @throws SyncError if the source fails; StoppedError when the signal is set */
export function readBatch(
  worker: Worker,
  entity: EntityPlan,
  range: Range,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  const read = () => worker.reader.range(entity, range);
  return inWindow(worker, {entity, range, keys: null}, read, tap, signal);
}

/**
 * Reads the source rows for certain keys of the target.
 *
 * @throws SyncError if the source fails; StoppedError when the signal is set
 */
export function readKeys(
  worker: Worker,
  entity: EntityPlan,
  keys: readonly RowKey[],
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  const read = () => worker.reader.byKeys(entity, keys);
  return inWindow(worker, {entity, range: EVERYTHING, keys}, read, tap, signal);
}

/** Reads the same range or keys as a batch again. */
export function readAgain(
  worker: Worker,
  {entity, range, keys}: SourceBatch,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  return keys === null
    ? readBatch(worker, entity, range, tap, signal)
    : readKeys(worker, entity, keys, tap, signal);
}

async function inWindow(
  {source, info}: Worker,
  what: Pick<SourceBatch, 'entity' | 'range' | 'keys'>,
  read: () => Promise<Row[]>,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  const window = tap.open();
  try {
    for (;;) {
      throwIfStopped(signal);
      tap.assertReads(info.identity);
      const stream = tap.position;
      const snapshot = await openSnapshot(source, info, signal);
      try {
        // A transaction can reach the stream before a snapshot shows it. Such a snapshot is too old.
        if (stream === null || covers(snapshot, stream))
          return {...what, window, rows: await read(), server: info.identity, high: snapshot.high};
      } finally {
        await endSnapshot(source);
      }
      await pause(5, signal);
    }
  } catch (error) {
    window.close();
    throw error;
  }
}

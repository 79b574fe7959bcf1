/**
 * One batch of source rows, read at a known position. From the opening of the batch's window on, the stream has
 * newer knowledge of each row that it touches.
 */
import type {WriterContext} from '../src/apply/writer-context.ts';
import type {StreamTap, Window} from '../src/apply/stream-tap.ts';
import type {Connection} from '../src/db/connection.ts';
import type {Selection} from '../src/db/counted.ts';
import type {ServerInfo} from '../src/db/server.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {EVERYTHING, type Range} from '../src/mapping/sql/ranges.ts';
import type {Row} from '../src/mapping/values.ts';
import {keySelections, rangeSelection} from '../src/source/reader.ts';
import {readInSnapshot} from '../src/source/snapshot-read.ts';
import {covers, type SnapshotPosition} from '../src/source/watermark.ts';
import {pause} from '../src/lifecycle/backoff.ts';

/** A worker's own connections. */
export interface Worker {
  /** Writes, with a source connection of its own, so that batches are read while others are written. */
  readonly writer: WriterContext;
  /** Reads ranges, checksums and snapshots. */
  readonly source: Connection;
  readonly info: ServerInfo;
}

/** What of a worker reads batches. */
export type BatchReader = Pick<Worker, 'source' | 'info'>;

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
  reader: BatchReader,
  entity: EntityPlan,
  range: Range,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  return inWindow(reader, {entity, range, keys: null}, [rangeSelection(entity, range)], tap, signal);
}

/**
 * Reads the source rows for certain keys of the target.
 *
 * @throws SyncError if the source fails; StoppedError when the signal is set
 */
export function readKeys(
  reader: BatchReader,
  entity: EntityPlan,
  keys: readonly RowKey[],
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  return inWindow(reader, {entity, range: EVERYTHING, keys}, keySelections(entity, keys), tap, signal);
}

/** Reads the same range or keys as a batch again. */
export function readAgain(
  reader: BatchReader,
  {entity, range, keys}: SourceBatch,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  return keys === null
    ? readBatch(reader, entity, range, tap, signal)
    : readKeys(reader, entity, keys, tap, signal);
}

async function inWindow(
  {source, info}: BatchReader,
  what: Pick<SourceBatch, 'entity' | 'range' | 'keys'>,
  selections: readonly Selection[],
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  const window = tap.open();
  try {
    for (;;) {
      throwIfStopped(signal);
      tap.assertReads(info.identity);
      const stream = tap.position;
      const {snapshot, rows} = await readInSnapshot(source, info, selections, signal);
      // A transaction can reach the stream before a snapshot shows it. Such a snapshot is too old.
      if (stream === null || covers(snapshot, stream))
        return {...what, window, rows, server: info.identity, high: snapshot.high};
      await pause(5, signal);
    }
  } catch (error) {
    window.close();
    throw error;
  }
}

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
import type {Range} from '../src/mapping/sql/ranges.ts';
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

/** The parts of a worker that read batches. */
export type BatchReader = Pick<Worker, 'source' | 'info'>;

/** The rows of a batch: those in a range of the entity's walk, or those with certain keys of the target. */
export interface BatchRows {
  readonly entity: EntityPlan;
  readonly range: Range;
  /** Null for the rows of the range; with keys, the range does not matter. */
  readonly keys: readonly RowKey[] | null;
}

export interface SourceBatch extends BatchRows {
  readonly rows: readonly Row[];
  /** The identity of the server from which the batch was read. */
  readonly server: string;
  /** The batch saw nothing after this position; null if the stream does not run. */
  readonly high: SnapshotPosition['high'];
  /** Stays open until the batch is finished; the owner of the batch closes it. */
  readonly window: Window;
}

/**
 * Reads a batch from the source, in a snapshot that shows what the stream has applied.
 *
 * @throws SyncError if the source fails; StoppedError when the signal is set
 */
export async function readBatch(
  {source, info}: BatchReader,
  {entity, range, keys}: BatchRows,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  const selections = keys === null ? [rangeSelection(entity, range)] : keySelections(entity, keys);
  const window = tap.open();
  try {
    for (;;) {
      throwIfStopped(signal);
      tap.assertReads(info.identity);
      const stream = tap.position;
      const {snapshot, rows} = await readInSnapshot(source, info, selections, signal);
      // A transaction can reach the stream before a snapshot shows it. Such a snapshot is too old.
      if (stream === null || covers(snapshot, stream))
        return {entity, range, keys, rows, window, server: info.identity, high: snapshot.high};
      await pause(5, signal);
    }
  } catch (error) {
    window.close();
    throw error;
  }
}

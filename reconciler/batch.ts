/**
 * One batch of source rows, read at a known place of the log. What the stream touches from the opening of
 * the batch's window on, it knows better.
 */
import type {Hands} from '../src/apply/hands.ts';
import type {StreamTap, Window} from '../src/apply/stream-tap.ts';
import type {Connection} from '../src/db/connection.ts';
import type {ServerInfo} from '../src/db/server.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import type {RowKey} from '../src/mapping/key.ts';
import {EVERYTHING, type Range} from '../src/mapping/sql.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {endSnapshot, openSnapshot, sees, type Mark} from '../src/source/watermark.ts';
import {pause} from '../src/lifecycle/backoff.ts';

/** What a worker has to itself. */
export interface Worker {
  /** What writes, with a connection to the source of its own: batches are read while others are written. */
  readonly hands: Hands;
  /** For ranges, checksums and snapshots. */
  readonly source: Connection;
  /** Over `source`. */
  readonly reader: SourceReader;
  readonly info: ServerInfo;
}

export interface SourceBatch {
  readonly entity: EntityPlan;
  readonly range: Range;
  /** Where the batch holds certain keys of the target and not a range. */
  readonly keys: readonly RowKey[] | null;
  readonly rows: readonly Row[];
  /** Nothing after here was seen; null where the stream does not run. */
  readonly high: Mark['high'];
  /** Open until the batch is done with: to be closed by whoever has the batch. */
  readonly window: Window;
}

/** @throws SyncError where the source fails; StoppedError when the signal is set */
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
 * The rows that the source has for certain keys of the target.
 *
 * @throws SyncError where the source fails; StoppedError when the signal is set
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

/** Reads what a batch held once more. */
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
      const stream = tap.position;
      const mark = await openSnapshot(source, info, signal);
      try {
        // A transaction can reach the stream before a snapshot shows it: then the snapshot is too old.
        if (stream === null || sees(mark, stream))
          return {...what, window, rows: await read(), high: mark.high};
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

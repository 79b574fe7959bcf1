/**
 * One batch of source rows, read at a known place of the log. What the stream touches from the opening of
 * the batch's window on, it knows better.
 */
import type {Hands} from '../src/apply/hands.ts';
import type {StreamTap, Window} from '../src/apply/stream-tap.ts';
import type {Connection} from '../src/db/connection.ts';
import type {ServerInfo} from '../src/db/server.ts';
import {throwIfStopped} from '../src/errors.ts';
import type {Row} from '../src/mapping/values.ts';
import type {SourceReader} from '../src/source/reader.ts';
import {endSnapshot, openSnapshot, sees, type Mark} from '../src/source/watermark.ts';
import {pause} from '../src/lifecycle/backoff.ts';
import type {Range, Scope} from './segments.ts';

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
  readonly scope: Scope;
  readonly range: Range;
  /** Institutes or users. */
  readonly parents: readonly Row[];
  /** Those of the users. */
  readonly memberships: readonly Row[];
  /** Nothing after here was seen; null where the stream does not run. */
  readonly high: Mark['high'];
  /** Open until the batch is done with: to be closed by whoever has the batch. */
  readonly window: Window;
}

/** @throws SyncError where the source fails; StoppedError when the signal is set */
export async function readBatch(
  worker: Worker,
  scope: Scope,
  range: Range,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<SourceBatch> {
  const window = tap.open();
  try {
    return {scope, range, window, ...(await readRows(worker, scope, range, tap, signal))};
  } catch (error) {
    window.close();
    throw error;
  }
}

async function readRows(
  {source, reader, info}: Worker,
  scope: Scope,
  {after, to}: Range,
  tap: StreamTap,
  signal: AbortSignal,
): Promise<Pick<SourceBatch, 'parents' | 'memberships' | 'high'>> {
  for (;;) {
    throwIfStopped(signal);
    const stream = tap.position;
    const mark = await openSnapshot(source, info, signal);
    try {
      // A transaction can reach the stream before a snapshot shows it: then the snapshot is too old.
      if (stream === null || sees(mark, stream)) {
        const parents = await reader.idRange(scope, after, to);
        const memberships = scope === 'users' ? await reader.membershipRange(after, to) : [];
        return {parents, memberships, high: mark.high};
      }
    } finally {
      await endSnapshot(source);
    }
    await pause(5, signal);
  }
}

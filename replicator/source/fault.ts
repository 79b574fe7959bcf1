/** Classifies the fault that ended a stream, by its error number. */
import {classify} from '../../src/db/faults.ts';
import {SyncError} from '../../src/errors.ts';
import type {Position} from '../../src/position/position.ts';

/** The number of a dump that the source cannot serve: ER_MASTER_FATAL_ERROR_READING_BINLOG. */
export const POSITION_UNKNOWN = 1236;
const SAME_SERVER_ID_MARIADB = 4052;

/** A decoding fault has no number; it stops the stream before the checkpoint passes it. */
export function faultOf(error: unknown, position: Position): SyncError {
  if (error instanceof SyncError) return error;
  const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
  // MySQL reports the same error when another client with our id has ended the stream. The position is checked
  // before the next dump, and a lost one is noticed then.
  if (errno === POSITION_UNKNOWN && position.tag !== 'mariadb-gtid') {
    return new SyncError(
      'stream-displaced',
      'the source ended the stream (error 1236): another client uses our server id, or the log is gone',
      {cause: error, errno},
    );
  }
  if (errno === POSITION_UNKNOWN) {
    return new SyncError(
      'position-lost',
      'the source no longer has the log from our position on (error 1236)',
      {cause: error, errno},
    );
  }
  if (errno === SAME_SERVER_ID_MARIADB) {
    return new SyncError('stream-displaced', 'another client streams with our server id', {
      cause: error,
      errno,
    });
  }
  const isOurs = !(error instanceof Error) || (!('errno' in error) && !('code' in error));
  if (isOurs)
    return new SyncError('event-undecodable', 'an event of the binlog cannot be decoded', {cause: error});
  return classify('source', error);
}

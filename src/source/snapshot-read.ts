/** Reads source rows in a snapshot whose position is known, in one round trip. */
import type {Connection} from '../db/connection.ts';
import {countedRows, countedStatements, type Selection} from '../db/counted.ts';
import type {ServerInfo} from '../db/server.ts';
import {toRow, type Row} from '../mapping/values.ts';
import {endSnapshot, queryEach, snapshotOpening, type SnapshotPosition} from './watermark.ts';

export interface SnapshotRows {
  readonly snapshot: SnapshotPosition;
  readonly rows: Row[];
}

/**
 * Starts a snapshot, reads all selections in it, and ends it.
 *
 * @throws SyncError `read-incomplete` if rows are missing; classified
 */
export async function readInSnapshot(
  connection: Connection,
  info: ServerInfo,
  selections: readonly Omit<Selection, 'values'>[],
  signal: AbortSignal,
): Promise<SnapshotRows> {
  const {statements: opening, positionOf} = await snapshotOpening(connection, info, signal);
  const reads = selections.flatMap(countedStatements);
  let answers: unknown[][][];
  try {
    answers = await queryEach(connection, [...opening, ...reads, 'ROLLBACK']);
  } catch (error) {
    // The statements behind the one that failed were not executed.
    await endSnapshot(connection).catch(() => undefined);
    throw error;
  }
  const rows: Row[] = [];
  for (let i = 0; i < selections.length; i++) {
    const [found = [], count = []] = answers.slice(opening.length + 2 * i);
    for (const row of countedRows(found, count)) rows.push(toRow(row));
  }
  return {snapshot: positionOf(answers), rows};
}

/** Somebody edits the target by hand, which the log does not show; an operator runs a reconcile, which repairs it. */
import {setInterval as ticks} from 'node:timers/promises';
import {eventually} from '../helpers/eventually.ts';
import {withConnection} from '../servers/databases.ts';
import type {ServerAddress} from '../servers/server.ts';

const EVERY_MS = 10_000;

/** Runs until the signal is set; the edits until then are repaired. */
export async function runOperator(target: ServerAddress, url: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of ticks(EVERY_MS, undefined, {signal})) {
      await withConnection(target, 'organizations', connection =>
        connection.query("UPDATE user SET name = CONCAT(name, ' (edited)') ORDER BY RAND() LIMIT 3"),
      );
      // A run that is active already may have passed those rows, so the next one is needed.
      await eventually(async () => (await fetch(`${url}/sync/trigger`, {method: 'POST'})).status !== 409);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

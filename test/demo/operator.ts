/** Somebody edits the target by hand, which the log does not show; an operator runs a reconcile, which repairs it. */
import {setInterval as ticks} from 'node:timers/promises';
import {eventually} from '../helpers/eventually.ts';
import {withConnection} from '../servers/databases.ts';
import type {ServerAddress} from '../servers/server.ts';

const EVERY_MS = 10_000;
const EDIT =
  "UPDATE user SET name = CONCAT(name, ' (edited)') WHERE name NOT LIKE '% (edited)' ORDER BY RAND() LIMIT 3";

/** Runs until the signal is set; the edits until then are repaired. */
export async function runOperator(target: ServerAddress, url: string, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of ticks(EVERY_MS, undefined, {signal})) {
      // A run that is active already may have passed those rows, and people may change them before the run comes
      // to them, which undoes the edits, too: then once more.
      await eventually(async () => {
        await withConnection(target, 'organizations', connection => connection.query(EDIT));
        return (await repairs(url)) > 0;
      });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Runs a reconcile; how many users it has repaired, which is none if another run is active. */
async function repairs(url: string): Promise<number> {
  const response = await fetch(`${url}/sync/trigger`, {method: 'POST'});
  const {tables} = (await response.json()) as {tables?: Record<string, {repaired: number}>};
  return tables?.['user']?.repaired ?? 0;
}

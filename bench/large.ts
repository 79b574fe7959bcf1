/** Measures what must not grow with the data: memory with tables, one transaction and a backlog of millions of rows. */
import {catchUpWith, changeOneByOne, type CaughtUp} from './catch-up.ts';
import {measureFirstLoad, type FirstLoad} from './first-load.ts';

export const LARGE_USERS = 5_000_000;
/** A day at a dozen transactions per second. */
export const LARGE_BACKLOG = 1_000_000;

export interface Large {
  readonly load: FirstLoad;
  /** Single-row transactions. */
  readonly backlog: CaughtUp;
}

export async function measureLarge(): Promise<Large> {
  let backlog: CaughtUp = {ms: Number.NaN, peakBytes: Number.NaN};
  const load = await measureFirstLoad(LARGE_USERS, {edition: 'mariadb'}, async (stand, daemon) => {
    backlog = await catchUpWith(stand, daemon, LARGE_BACKLOG, () =>
      changeOneByOne(stand, LARGE_USERS, LARGE_BACKLOG, 'Large'),
    );
  });
  return {load, backlog};
}

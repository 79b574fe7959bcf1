/**
 * Finds owned rows that the target does not hold any more: somebody else deleted them there, and they left the
 * source in a way that the stream did not see. Comparing the two sides does not show them. If they stayed owned,
 * their children would be written, and another's row with such a key would be deleted.
 */
import type {ApplyLock} from '../src/apply/apply-lock.ts';
import type {Applier} from '../src/apply/applier.ts';
import {release} from '../src/apply/release.ts';
import type {Session} from '../src/apply/session.ts';
import {literal} from '../src/apply/sql-text.ts';
import {onlyRow} from '../src/db/counted.ts';
import type {EntityPlan} from '../src/mapping/entities.ts';
import {quoteName} from '../src/mapping/quote.ts';
import {ownedKeyPages} from './stored-ownership.ts';
import {absentFrom} from './target-rows.ts';

export interface AbsentRowsDeps {
  readonly applier: Applier;
  readonly session: Session;
  readonly lock: ApplyLock;
}

/** What a run has found of an entity's primary table. */
export interface Found {
  /** Owned rows that exist on both sides. */
  readonly equal: number;
  /** Rows that are not owned. */
  readonly foreign: number;
}

/**
 * Ends the ownership of an entity's rows that the target does not hold. Numbers show whether there are any, so
 * that the keys are rarely read.
 *
 * @throws SyncError if the target fails
 */
export async function releaseAbsentRows(
  {applier, session, lock}: AbsentRowsDeps,
  entity: EntityPlan,
  {equal, foreign}: Found,
): Promise<void> {
  const {query} = session;
  const {stream} = applier.fence;
  const owned = ownedCount(stream, entity);
  if (Number(onlyRow(await query(`SELECT ${owned}`))[0]) <= equal) return;
  // One statement sees one state: rows and their ownership are committed together.
  const stored = `(SELECT COUNT(*) FROM ${quoteName(entity.primary.target)})`;
  const [ownedRows, storedRows] = onlyRow(await query(`SELECT ${owned}, ${stored}`));
  if (Number(ownedRows) + foreign <= Number(storedRows)) return;
  for await (const keys of ownedKeyPages(query, stream, entity)) {
    // A companion may be left of a row.
    const absent = await absentFrom(query, entity, entity.tables, keys);
    if (absent.length === 0) continue;
    await lock.exclusive(async () => {
      // The stream may have written some of them meanwhile.
      await release(applier, session, entity, await absentFrom(query, entity, entity.tables, absent));
    });
  }
}

function ownedCount(stream: string, {ownedAs}: EntityPlan): string {
  const where = `WHERE stream = ${literal(stream)} AND kind = ${literal(ownedAs)}`;
  return `(SELECT COALESCE(SUM(size), 0) FROM sync_owned ${where}) + (SELECT COUNT(*) FROM sync_owned_key ${where})`;
}

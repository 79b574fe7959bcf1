import {describe, expect, it} from 'vitest';
import {deleteByKeys, inBatches, upserts} from '../../../src/apply/statements.ts';
import type {StatementSize, UpsertOptions} from '../../../src/apply/statements.ts';
import type {TablePlan} from '../../../src/mapping/columns.ts';
import {entityOf, membership, plan, tableOf, user} from '../plan-fixture.ts';
import type {Row} from '../../../src/mapping/values.ts';

const plans = plan();
const [USER, MEMBERS] = [tableOf(plans, 'user'), tableOf(plans, 'institute_users')];
const ANY = {rows: 1000, bytes: 1_000_000};
const upsert = (table: TablePlan, rows: readonly Row[], options: UpsertOptions) =>
  [
    ...upserts(
      table,
      rows.map(source => ({source})),
      ANY,
      options,
    ),
  ].join(';');

describe('an upsert', () => {
  it('turns a conflict in another unique key into an error; updatedAt comes last', () => {
    expect(upsert(USER, [user('1')], {newestWins: false})).toBe(
      "INSERT INTO `user` (`userId`,`name`,`email`,`password`,`createdAt`,`updatedAt`) VALUES (1,'Ada L','u1@x.org','$2b$','2024-01-02 03:04:05.000','2024-02-03 04:05:06.000') " +
        'ON DUPLICATE KEY UPDATE `userId` = IF(`userId` = VALUES(`userId`), `userId`, (SELECT 1 UNION SELECT 2)), ' +
        '`name` = VALUES(`name`), `email` = VALUES(`email`), `password` = VALUES(`password`), `createdAt` = VALUES(`createdAt`), `updatedAt` = VALUES(`updatedAt`)',
    );
  });

  it('compares every column of a key', () => {
    const sql = upsert(MEMBERS, [membership('1', '2')], {
      newestWins: false,
    });
    expect(sql).toContain("VALUES (1,2,'FACULTY',1,");
    expect(sql).toContain(
      '`instituteId` = IF(`instituteId` = VALUES(`instituteId`) AND `userId` = VALUES(`userId`), `instituteId`, (SELECT 1 UNION SELECT 2))',
    );
  });

  it('leaves a later row unchanged if the newest wins', () => {
    const sql = upsert(USER, [user('1')], {newestWins: true});
    expect(sql).toContain('`email` = IF(`updatedAt` > VALUES(`updatedAt`), `email`, VALUES(`email`))');
    expect(sql).toMatch(
      /`updatedAt` = IF\(`updatedAt` > VALUES\(`updatedAt`\), `updatedAt`, VALUES\(`updatedAt`\)\)$/,
    );
  });

  it('is as long as allowed, and has at least one row', () => {
    const rows = Array.from({length: 5}, () => ({source: user('1')}));
    const count = (size: StatementSize) =>
      [...upserts(USER, rows, size, {newestWins: false})].map(sql => sql.split("'Ada L'").length - 1);
    expect(count({rows: 2, bytes: 1_000_000})).toEqual([2, 2, 1]);
    expect(count({rows: 100, bytes: 1})).toEqual([1, 1, 1, 1, 1]);
    expect(count({rows: 100, bytes: 1_000_000})).toEqual([5]);
  });

  it('writes only numbers without quotes', () => {
    const sql = upsert(USER, [user('1); DROP TABLE x')], {newestWins: false});
    expect(sql).toContain("('1); DROP TABLE x',");
  });
});

describe('keys', () => {
  it('are listed one by one, and pairs by their first id', () => {
    expect(entityOf(plans, 'user').key.condition(['1', '2'])).toBe('`userId` IN (1,2)');
    expect(
      entityOf(plans, 'institute_users').key.condition(
        ['1:2', '3:4', '1:5'],
        [{sql: 't.`instituteId`'}, {sql: 't.`userId`'}],
      ),
    ).toBe('(t.`instituteId` = 1 AND t.`userId` IN (2,5)) OR (t.`instituteId` = 3 AND t.`userId` IN (4))');
    expect(deleteByKeys(entityOf(plans, 'institute'), tableOf(plans, 'institute'), ['9'])).toBe(
      'DELETE FROM `institute` WHERE `instituteId` IN (9)',
    );
  });

  it('are split into batches', () => {
    expect(inBatches([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
    expect(inBatches([], 2)).toEqual([]);
  });
});

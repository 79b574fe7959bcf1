import {describe, expect, it} from 'vitest';
import type {ApplyOptions} from '../../../src/apply/applier.ts';
import type {ChangeSet} from '../../../src/apply/change-set.ts';
import {applyHalves, PartSize} from '../../../src/apply/halves.ts';
import {perTable} from '../../../src/mapping/plan.ts';
import {entityOf, institute, membership, plan, user} from '../plan-fixture.ts';
import {changeSet} from './changes-fixture.ts';

const PLAN = plan();
const CHANGES = changeSet(PLAN, {
  institute: {1: institute('1')},
  user: {1: user('1'), 2: null, 3: user('3')},
});
const NONE = perTable(PLAN, () => 0);
const PROGRESS = {position: {tag: 'mysql-gtid', set: 'a:1'}} as unknown as ApplyOptions['progress'];

describe('a change set in halves', () => {
  it('holds every row once, parents first, and moves the position with the last part', async () => {
    const parts: [string[], ApplyOptions['progress']][] = [];
    const keys = (part: ChangeSet) =>
      (['institute', 'user'] as const).flatMap(table =>
        [...part.of(entityOf(PLAN, table)).keys()].map(key => `${table} ${key}`),
      );
    const outcome = await applyHalves(
      PLAN,
      CHANGES,
      {progress: PROGRESS, follow: true, need: null},
      (part, {progress}) => {
        parts.push([keys(part), progress]);
        const upserted = NONE.map(() => part.size);
        return Promise.resolve({
          upserted,
          deleted: NONE,
          deadLetters: NONE,
          wrote: (_, key) => key === '1' && part.size > 2,
          evicted: NONE.map(() => []),
        });
      },
    );
    expect(parts).toEqual([
      [['institute 1', 'user 1'], null],
      [['user 2', 'user 3'], PROGRESS],
    ]);
    expect(outcome.upserted).toEqual(NONE.map(() => 4));
  });

  it('reads again what a row of the other half may have changed', async () => {
    const rereads: number[] = [];
    const apply = (part: ChangeSet) => {
      rereads.push(part.rereads);
      return Promise.resolve({
        upserted: NONE,
        deleted: NONE,
        deadLetters: NONE,
        wrote: () => false,
        evicted: NONE.map(() => []),
      });
    };
    // The last one is deleted: a cascade may have given its key to another row since.
    const pairs = {
      '1:2': null,
      '1:3': membership('1', '3'),
      '1:4': membership('1', '4'),
      '1:5': null,
    };
    for (const [row, wanted] of [
      [null, [0, 3]],
      [user('2'), [0, 0]],
    ] as const) {
      const changes = changeSet(PLAN, {
        institute: {1: institute('1')},
        user: {2: row},
        institute_users: pairs,
      });
      rereads.length = 0;
      await applyHalves(PLAN, changes, {progress: PROGRESS, follow: true, need: null}, apply);
      expect(rereads).toEqual(wanted);
    }
  });

  it('are as large as the cluster accepts, and grow again', () => {
    const size = new PartSize();
    expect(size.exceeds(CHANGES)).toBe(false);
    size.refused(CHANGES);
    expect(size.exceeds(CHANGES)).toBe(true);
    for (let i = 0; i < 2; i++) size.accepted(CHANGES);
    expect(size.exceeds(CHANGES)).toBe(false);
  });
});

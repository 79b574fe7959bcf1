/** The last statement of a transaction succeeds only if the checkpoint is as this leader left it. */
import {expect, it} from 'vitest';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {user} from '../unit/plan-fixture.ts';
import {ApplierStand, between, changes, many, options, ready} from './applier-stand.ts';

describeEachFlavour('a transaction', context => {
  const stand = new ApplierStand(context);
  /** Written pipelined as text, pipelined in bulk, and stepwise. */
  const kinds = {
    'of a few rows': () => stand.apply(ready(changes({1: user('1')}), 20)),
    'of many rows': () => stand.apply(ready(changes(many(1000)), 20)),
    'of a delete': () => stand.apply(ready(changes({7: null}), 20)),
    'of a run': () => stand.apply(between(changes({1: user('1')}))),
    'of the position alone': () =>
      stand.applier.saveProgress(stand.writer.session, options(20).progress ?? fail()),
  };
  const fail = () => {
    throw new Error('there is no progress');
  };
  const spoilt = {
    'the row is missing': 'DELETE FROM sync_checkpoint',
    'another instance leads': 'UPDATE sync_checkpoint SET fencing_token = fencing_token + 1',
    'the row is from a backup': 'UPDATE sync_checkpoint SET writes = 0',
  };

  for (const [kind, write] of Object.entries(kinds)) {
    it.each(Object.entries(spoilt))(`${kind} writes nothing if %s`, async (_, spoil) => {
      await stand.apply(ready(changes({7: user('7')}), 10));
      await stand.other.query(spoil);
      const before = await stand.state();
      await expect(write()).rejects.toMatchObject({code: 'lease-lost'});
      expect(await stand.state()).toEqual(before);
    });

    it(`${kind} always changes the row that it checks`, async () => {
      await stand.apply(ready(changes({7: user('7')}), 10));
      const number = async () => {
        const [rows] = await stand.other.query('SELECT writes FROM sync_checkpoint');
        return Number((rows as {writes: number}[])[0]?.writes);
      };
      const before = await number();
      await write();
      expect(await number()).toBe(before + 1);
    });
  }
});

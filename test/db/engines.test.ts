/** A target whose tables cannot roll back: nothing is written until they can, and then the stream goes on by itself. */
import {expect, it} from 'vitest';
import {connect} from '../../src/db/connection.ts';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import {examine} from '../../src/doctor/doctor.ts';
import {buildPlan} from '../../src/mapping/plan.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const TABLE = 'id BIGINT PRIMARY KEY, name VARCHAR(40)';

/** Tables of laas-sync, and an engine that each of them can have. */
const OWN = [
  ['sync_checkpoint', 'MyISAM'],
  ['sync_lease', 'MyISAM'],
  ['sync_owned', 'MEMORY'],
  ['sync_owned_key', 'MEMORY'],
] as const;

describeEachFlavour('a target table', places => {
  const open = (engine: string) =>
    MappedStand.open(places, {
      tables: {copied: {from: 'people', key: 'id', columns: {id: 'id', name: 'name'}}},
      from: `CREATE TABLE people (${TABLE}); INSERT INTO people VALUES (1, 'one'), (2, 'two')`,
      to: `CREATE TABLE copied (${TABLE}) ENGINE = ${engine}`,
    });
  const copied = async (stand: MappedStand) =>
    (await query(stand.target, 'SELECT id FROM copied ORDER BY id')).map(({id}) => Number(id));
  const mustFix = async (stand: MappedStand) =>
    (await examine(stand.config)).filter(({level, side}) => level === 'must-fix' && side === 'target');

  it.each(['MyISAM', 'MEMORY', ...(places.flavour === 'mariadb' ? ['Aria'] : [])])(
    'of the engine %s is refused until it is InnoDB',
    async engine => {
      await using stand = await open(engine);
      await stand.started();
      expect(stand.fault?.code).toBe('target-incompatible');
      const {ended} = await stand.daemon.trigger({mode: 'full', allowDeletes: true});
      const {state, error} = await ended;
      expect(state).toBe('failed');
      expect(error).toMatch(
        new RegExp(`copied is ${engine}, which cannot .*: ALTER TABLE .copied. ENGINE = InnoDB;`, 'i'),
      );
      expect(await copied(stand)).toEqual([]);
      const faults = await mustFix(stand);
      expect(faults.map(({check, message}) => `${check}: ${message}`)).toEqual([
        `engine: copied is ${engine}`,
      ]);
      await stand.target.query(String(faults[0]?.fix));
      await stand.resumed();
      await stand.streamed();
      expect(await copied(stand)).toEqual([1, 2]);
    },
  );

  it('of laas-sync is refused in the same way', async () => {
    await using stand = await open('InnoDB');
    await stand.started();
    await stand.streamed();
    const {config} = stand;
    const [source, target] = [
      await connect('source', config.source),
      await connect('target', config.target),
    ] as const;
    const plan = async () =>
      buildPlan(
        config.mapping,
        await readSourceSchema(source, config.source.database, config.mapping),
        await readTargetSchema(target, config.target.database, config.mapping),
      );
    try {
      for (const [table, engine] of OWN) {
        await stand.target.query(`ALTER TABLE ${table} ENGINE = ${engine}`);
        await expect(plan(), table).rejects.toMatchObject({code: 'target-incompatible'});
        const [fault] = await mustFix(stand);
        expect(fault?.message).toBe(`${table} is ${engine}`);
        await stand.target.query(String(fault?.fix));
        await expect(plan(), table).resolves.toBeDefined();
      }
    } finally {
      source.destroy();
      target.destroy();
    }
  });
});

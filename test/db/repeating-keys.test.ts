/** A key that several source rows may have: which of them counts must be known before anything is written. */
import {expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

const TARGET = 'id BIGINT PRIMARY KEY, name VARCHAR(40)';
const ONE_COLUMN = {key: 'id', columns: {id: 'id', name: 'name'}};

interface Case {
  readonly source: string;
  /** Of the source table. */
  readonly options?: string;
  readonly mapping?: object;
  readonly target?: string;
}

const REFUSED: Readonly<Record<string, Case>> = {
  'no key at all': {source: 'id BIGINT NOT NULL, name VARCHAR(40)'},
  'an index that is not unique': {source: 'id BIGINT NOT NULL, name VARCHAR(40), KEY (id)'},
  'a unique key with one column more': {
    source: 'id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, PRIMARY KEY (id, name)',
  },
  'a unique key over a prefix, with one column more': {
    source: 'id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, UNIQUE KEY (id, name(3))',
  },
};

const PREFIX: Case = {
  source: 'id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, UNIQUE KEY (name(5))',
  target: 'name VARCHAR(40) PRIMARY KEY, id BIGINT',
  mapping: {key: 'name', columns: {id: 'id', name: 'name'}},
};

const ACCEPTED: Readonly<Record<string, Case>> = {
  'a primary key': {source: 'id BIGINT PRIMARY KEY, name VARCHAR(40)'},
  'a unique key': {source: 'id BIGINT NULL, name VARCHAR(40), UNIQUE KEY (id)'},
  'a unique key over fewer columns': {
    source: 'id BIGINT NOT NULL, name VARCHAR(40) NOT NULL, UNIQUE KEY (id)',
    target: 'id BIGINT, name VARCHAR(40), PRIMARY KEY (id, name)',
    mapping: {key: ['id', 'name'], columns: {id: 'id', name: 'name'}},
  },
  'a unique key over a prefix': PREFIX,
  'no key, and a mapping that says which row counts': {
    source: 'id BIGINT NOT NULL, name VARCHAR(40)',
    mapping: {...ONE_COLUMN, prefer: [{column: 'name', order: 'desc'}]},
  },
};

describeEachFlavour('a source key', places => {
  const open = ({source, options = '', target = TARGET, mapping = ONE_COLUMN}: Case) =>
    MappedStand.open(places, {
      tables: {copied: {from: 'people', ...mapping}},
      from: `DROP TABLE IF EXISTS people; CREATE TABLE people (${source}) ${options}; INSERT INTO people (id, name) VALUES (1, 'a-one'), (2, 'b-two')`,
      to: `DROP TABLE IF EXISTS copied; CREATE TABLE copied (${target})`,
    });
  const copied = async (stand: MappedStand) =>
    (await query(stand.target, 'SELECT id FROM copied ORDER BY id')).map(({id}) => Number(id));

  it.each(Object.entries(REFUSED))('is refused at start: %s', async (_, one) => {
    await using stand = await open(one);
    await stand.started();
    expect(stand.fault?.code).toBe('schema-incompatible');
    const {ended} = await stand.daemon.trigger({mode: 'full', allowDeletes: true});
    const {state, error} = await ended;
    expect(state).toBe('failed');
    expect(error).toMatch(/people of the source has no unique key on \(id\).*add a unique key.*\(prefer\)/);
    expect(await copied(stand)).toEqual([]);
    const faults = (await examine(stand.config)).filter(({level}) => level === 'must-fix');
    expect(faults.filter(({message}) => message.includes('people')).map(({check}) => check)).toEqual([
      'source-keys',
    ]);
  });

  it.runIf(places.flavour === 'mariadb')(
    'is accepted: a prefix in a table that keeps its old rows',
    async () => {
      const period =
        'b TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e TIMESTAMP(6) GENERATED ALWAYS AS ROW END';
      await using stand = await open({
        ...PREFIX,
        source: `${PREFIX.source}, ${period}, PERIOD FOR SYSTEM_TIME (b, e)`,
        options: 'WITH SYSTEM VERSIONING',
      });
      await stand.started();
      expect(stand.fault).toBeNull();
    },
  );

  it.each(Object.entries(ACCEPTED))('is accepted: %s', async (_, one) => {
    await using stand = await open(one);
    await stand.started();
    expect(stand.fault).toBeNull();
    expect(await copied(stand)).toEqual([1, 2]);
  });
});

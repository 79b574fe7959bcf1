/**
 * A null for a column that takes none is a dead letter, of whatever type the column is: some servers would write a
 * value of their own instead. The doctor warns before.
 */
import {expect, it} from 'vitest';
import {examine} from '../../src/doctor/doctor.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';

/** The type of both columns, the attributes of the target's, and how it is mapped. */
type Column = readonly [type: string, attributes?: string, use?: unknown];

const COLUMNS: Readonly<Record<string, Column>> = {
  whole: ['INT'],
  whole_default: ['INT', 'DEFAULT 7'],
  counter: ['INT', 'AUTO_INCREMENT UNIQUE'],
  big_counter: ['BIGINT UNSIGNED', 'AUTO_INCREMENT UNIQUE'],
  decimal_number: ['DECIMAL(5,2)', 'DEFAULT 1.5'],
  double_number: ['DOUBLE'],
  bits: ['BIT(3)', "DEFAULT b'1'"],
  year_number: ['YEAR'],
  varchar_text: ['VARCHAR(9)', "DEFAULT 'x'"],
  trimmed: ['VARCHAR(9)', '', {trim: 'v'}],
  long_text: ['TEXT'],
  bytes: ['BLOB'],
  member: ["ENUM('a','b')"],
  members: ["SET('a','b')"],
  json_text: ['JSON'],
  day: ['DATE'],
  clock: ['TIME'],
  moment: ['DATETIME', 'DEFAULT CURRENT_TIMESTAMP'],
  stamp: ['TIMESTAMP', 'DEFAULT CURRENT_TIMESTAMP'],
  stamp_updated: ['TIMESTAMP(3)', 'DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)'],
  first_of: ['TIMESTAMP', 'DEFAULT CURRENT_TIMESTAMP', {first: ['v', 'w']}],
};
const NAMES = Object.keys(COLUMNS);

describeEachFlavour('a null for a column that takes none', places => {
  it('is a dead letter by first load and by stream, and doctor warns', {timeout: 60_000}, async () => {
    const columns = Object.entries(COLUMNS);
    await using stand = await MappedStand.open(places, {
      tables: Object.fromEntries(
        columns.map(([name, [, , use = 'v']]) => [
          name,
          {from: name, key: 'id', columns: {id: 'id', v: use}},
        ]),
      ),
      from: columns
        .map(
          ([name, [type]]) =>
            `CREATE TABLE ${name} (id INT PRIMARY KEY, v ${type} NULL, w ${type} NULL); INSERT INTO ${name} (id) VALUES (1)`,
        )
        .join('; '),
      to: columns
        .map(
          ([name, [type, attributes = '']]) =>
            `CREATE TABLE ${name} (id INT PRIMARY KEY, v ${type} NOT NULL ${attributes})`,
        )
        .join('; '),
    });
    const lettersOf = (...keys: readonly number[]) =>
      NAMES.flatMap(name => keys.map(key => `${name} ${key} null-value`)).toSorted();
    await stand.started();
    await stand.streamed();
    expect((await stand.letters()).toSorted()).toEqual(lettersOf(1));
    for (const name of NAMES) await stand.source.query(`INSERT INTO ${name} (id) VALUES (2)`);
    await stand.streamed();
    expect((await stand.letters()).toSorted()).toEqual(lettersOf(1, 2));
    await stand.reconcile();
    expect((await stand.letters()).toSorted()).toEqual(lettersOf(1, 2));

    const warnings = async () => (await examine(stand.config)).filter(({check}) => check === 'target-null');
    const found = await warnings();
    expect(found.map(({message}) => message).toSorted()).toEqual(
      NAMES.map(name => `${name}.v takes no null, and its source may be null`).toSorted(),
    );
    for (const {fix} of found) await stand.target.query(String(fix));
    expect(await warnings()).toEqual([]);
    const {ended} = await stand.daemon.trigger({mode: 'full', allowDeletes: true});
    await ended;
    expect(await stand.verify()).toMatchObject({equal: true});
    for (const name of NAMES)
      expect(await query(stand.target, `SELECT id, v FROM ${name} ORDER BY id`), name).toEqual([
        {id: 1, v: null},
        {id: 2, v: null},
      ]);
  });
});

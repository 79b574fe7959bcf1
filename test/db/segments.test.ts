/** Segments cover every row once, and end where a chunk of ownership ends, whatever numbers the keys are. */
import {expect, it} from 'vitest';
import {segments} from '../../reconciler/segments.ts';
import {chunkEnd, CHUNK_IDS} from '../../src/apply/owned-chunks.ts';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {buildPlan} from '../../src/mapping/plan.ts';
import {connectionQuery} from '../../src/source/reader.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {sessionsFor} from '../property/stand.ts';

const ROWS = 70_000;
const MAPPING = parseMapping(
  JSON.stringify({version: 1, tables: {copies: {from: 'numbers', key: 'id', columns: {id: 'id'}}}}),
  'drawn',
);

/** The type, the first number, and the distance of two numbers. */
const KEYS: readonly (readonly [type: string, first: string, step: string])[] = [
  ['BIGINT UNSIGNED', '1', '1'],
  ['BIGINT UNSIGNED', '18446744073709481616', '1'],
  ['BIGINT UNSIGNED', '0', '263524915338707'],
  ['BIGINT', '-35000', '1'],
  ['BIGINT', '-9223372036854775808', '1'],
  ['BIGINT', '9223372036854705808', '1'],
  ['BIGINT', '-9223372036854775808', '263524915338707'],
  ['INT', '-2147483648', '61356'],
  ['MEDIUMINT UNSIGNED', '0', '239'],
];

describeEachFlavour('segments', ({server, source, target}) => {
  const sessions = sessionsFor({server, source, target});

  it.each(KEYS)('of %s from %s by %s cover every row once, by whole chunks', async (type, first, step) => {
    const {sql, reading, writing} = sessions();
    await sql.query(`DROP TABLE IF EXISTS numbers; CREATE TABLE numbers (id ${type} NOT NULL PRIMARY KEY)`);
    await sql.query(`DROP TABLE IF EXISTS ${target}.copies; CREATE TABLE ${target}.copies LIKE numbers`);
    const ids = Array.from({length: ROWS}, (_, i) => BigInt(first) + BigInt(step) * BigInt(i));
    await sql.query(`INSERT INTO numbers VALUES ${ids.map(id => `(${id})`).join(',')}`);
    await sql.query('ANALYZE TABLE numbers');
    const plan = buildPlan(
      MAPPING,
      await readSourceSchema(reading, source, MAPPING),
      await readTargetSchema(writing, target, MAPPING),
    );
    const [entity] = plan.entities;
    if (entity === undefined) throw new Error('no entity');
    const found = await segments(entity, connectionQuery(reading));
    expect(found[0]?.after).toBeNull();
    expect(found.at(-1)?.to).toBeNull();
    const bounds = found.slice(0, -1).map(({to}) => String(to?.[0]));
    expect(found.slice(1).map(({after}) => String(after?.[0]))).toEqual(bounds);
    expect(bounds.map(chunkEnd)).toEqual(bounds);
    expect(bounds.toSorted((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1))).toEqual(bounds);
    expect(new Set(bounds).size).toBe(bounds.length);
    const rowsOf = (to: bigint, after: bigint | null) =>
      ids.filter(id => id <= to && (after === null || id > after)).length;
    const sizes = bounds.map((to, i) => rowsOf(BigInt(to), i === 0 ? null : BigInt(bounds[i - 1] ?? '')));
    // A segment has enough rows for a checksum, and not many more than two chunks.
    for (const size of sizes) expect(size).toBeGreaterThanOrEqual(20_000);
    for (const size of sizes) expect(size).toBeLessThanOrEqual(2 * CHUNK_IDS);
    expect(bounds.length).toBeGreaterThan(0);
  });
});

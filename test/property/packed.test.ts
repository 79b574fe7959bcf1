/** A row as bytes is judged, keyed and written like the same row as values. */
import {fc} from '../helpers/draws.ts';
import {describe, expect, it} from 'vitest';
import {BulkRows} from '../../src/db/bulk.ts';
import {PACKET_HEADER_BYTES} from '../../src/db/pipeline.ts';
import {appendRows, upserts} from '../../src/apply/statements.ts';
import type {TablePlan} from '../../src/mapping/columns.ts';
import {PackedRows, type SourceRow} from '../../src/mapping/packed.ts';
import {judge, mapRow, sourceKey} from '../../src/mapping/row.ts';
import type {Row, Value} from '../../src/mapping/values.ts';
import {
  column,
  columnsOf,
  entityOf,
  packed,
  plan,
  sourceTable,
  table,
  tableOf,
  targetTable,
  unpacked,
  type SourceTable,
  type TargetTable,
} from '../unit/plan-fixture.ts';
import {moment, nullable, text, zeroDate} from './stand.ts';

const digits = fc.oneof(
  {weight: 1, arbitrary: fc.bigInt({min: -(2n ** 63n), max: 2n ** 64n - 1n}).map(String)},
  {weight: 8, arbitrary: fc.nat(100_000).map(String)},
  {weight: 1, arbitrary: fc.constantFrom('999999999999999', '1000000000000000', '-1', '0')},
);
/** Around the lengths that the columns below hold, in bytes and in characters. */
const long = fc
  .record({unit: fc.constantFrom('a', 'é', '🙂', "'", '\\'), length: fc.integer({min: 1, max: 70_000})})
  .filter(({length}) => length < 300 || length > 65_000)
  .map(({unit, length}) => unit.repeat(length));
const spaced = fc
  .tuple(
    fc.constantFrom('', ' ', '   ', '\t'),
    fc.oneof({weight: 5, arbitrary: text}, fc.constantFrom('', ' ', '\u00a0')),
    fc.constantFrom('', ' ', '\n'),
  )
  .map(parts => parts.join(''));
const words = fc.oneof({weight: 6, arbitrary: spaced}, {weight: 1, arbitrary: long});
const email = fc.oneof(
  fc.stringMatching(/^ {0,2}[a-z@ é\t\x7f]{0,4}@[a-z@ é\t]{0,4} {0,2}$/),
  fc.constantFrom('a@b', '@', 'a@', '@b', 'a@@b', 'a@b@c', ''),
  words,
);
const date = fc.oneof(
  moment,
  zeroDate,
  fc.constantFrom('2024-02-29', '9999-12-31 23:59:59.999999', '0000-01-01 00:00:00'),
);
const flag = fc.constantFrom('1', '1', '1', '1', '1', '1', '1', '0', '2', '01', '10', '');

const BY_COLUMN: Readonly<Record<string, fc.Arbitrary<string>>> = {
  id: digits,
  institute_id: digits,
  user_id: digits,
  email,
  is_active: flag,
  created_at: date,
  updated_at: date,
  user_type: fc.oneof(fc.constantFrom('admin', ' Teacher ', 'x'), words),
  status: fc.oneof(fc.constantFrom('active', ' ACTIVE', 'x'), words),
};
const rowOf = (name: SourceTable): fc.Arbitrary<Row> =>
  fc.tuple(...columnsOf(name).map(known => nullable(BY_COLUMN[known] ?? words)));

/** Widths and digits of a second that differ on either side. */
const dates = (fraction: number, names: readonly string[]) =>
  names.map(name => column(name, 'datetime', {fraction}));
function planWith(sourceFraction: number, targetFraction: number, width: 'narrow' | 'wide' = 'wide') {
  const given = ['created_at', 'updated_at'];
  const others = ({columns}: {columns: readonly ReturnType<typeof column>[]}, names: readonly string[]) =>
    columns.filter(({name}) => !names.includes(name));
  const written = ['createdAt', 'updatedAt'];
  const widths = new Map<string, Partial<ReturnType<typeof column>>>(
    width === 'wide'
      ? []
      : [
          ['userId', {type: 'int', unsigned: true}],
          ['password', {type: 'blob', maxLength: 65_535}],
          ['name', {type: 'char', maxLength: 60}],
          ['email', {maxLength: 8}],
        ],
  );
  return plan(
    {
      users: table([['id']], ...others(sourceTable('users'), given), ...dates(sourceFraction, given)),
      institutes: table(
        [['id']],
        ...others(sourceTable('institutes'), given),
        ...dates(sourceFraction, given),
      ),
    },
    {
      user: table(
        [['userId'], ['email']],
        ...others(targetTable('user'), written).map(known => ({...known, ...widths.get(known.name)})),
        ...dates(targetFraction, written),
      ),
      institute: table(
        [['instituteId']],
        ...others(targetTable('institute'), written),
        ...dates(targetFraction, written),
      ),
    },
  );
}
const PLANS = [plan(), planWith(0, 0), planWith(6, 6), planWith(0, 3), planWith(3, 0, 'narrow')];

function inBulk(columns: TablePlan, source: SourceRow): string {
  const rows = new BulkRows();
  rows.begin(1, columns.columns.length);
  appendRows(rows, columns, [{source}], 0, {rows: 1, bytes: 1});
  return rows.packet().buffer.toString('hex', PACKET_HEADER_BYTES);
}
const asText = (columns: TablePlan, source: SourceRow) =>
  [...upserts(columns, [{source}], {rows: 1, bytes: 1}, {newestWins: false})].join(';');

const SOURCES: Readonly<Record<TargetTable, SourceTable>> = {
  institute: 'institutes',
  user: 'users',
  institute_users: 'institute_user',
  user_auth: 'users',
};

describe('a row as its bytes', () => {
  it.each(['institute', 'user', 'institute_users', 'user_auth'] as const)(
    'agrees with its values for %s',
    name => {
      const from = SOURCES[name];
      fc.assert(
        fc.property(
          fc.constantFrom(...PLANS),
          fc.array(rowOf(from), {minLength: 1, maxLength: 3}),
          (plans, all) => {
            const columns = tableOf(plans, name);
            const entity = entityOf(plans, name);
            const into = new PackedRows(0);
            const bytes = all.map(row => packed(row, into));
            all.forEach((row, i) => {
              const same = bytes[i] ?? packed(row);
              expect(unpacked(from, same)).toEqual(row);
              expect(judge(entity, columns, same)).toEqual(judge(entity, columns, row));
              expect(mapRow(columns, same)).toEqual(mapRow(columns, row));
              expect(sourceKey(entity, same)).toBe(sourceKey(entity, row));
              expect(inBulk(columns, same)).toBe(inBulk(columns, row));
              expect(asText(columns, same)).toBe(asText(columns, row));
            });
          },
        ),
        {numRuns: 400},
      );
    },
  );

  it('takes whole numbers of up to 53 bits', () => {
    const numbers = fc.oneof(
      fc.maxSafeInteger(),
      fc.integer({min: 0, max: 16}).chain(power => fc.constantFrom(10 ** power, 10 ** power - 1)),
    );
    fc.assert(
      fc.property(numbers, number => {
        const into = new PackedRows(0);
        const row = into.begin(1);
        into.setNumber(0, number);
        const value: Value = row.text(0);
        expect(value).toBe(String(number));
      }),
    );
  });
});

/** Which tables of the log are mapped, and which columns identify their rows. */
import {expect, it} from 'vitest';
import {rowBlock} from '../../../replicator/decode/row-image.ts';
import {Slabs} from '../../../replicator/decode/slabs.ts';
import {LoggedTables} from '../../../replicator/source/tables.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {buildPlan} from '../../../src/mapping/plan.ts';
import {column, sourceSchema, table, targetSchema} from '../plan-fixture.ts';

const PLAN = buildPlan(
  parseMapping(
    `version: 1
tables:
  person: {from: People, key: id, columns: {id: id}}
  badge: {from: People, key: number, columns: {number: badge}}
`,
    'people.yaml',
  ),
  sourceSchema(
    {People: table([['id'], ['badge']], column('id', 'bigint'), column('badge', 'bigint'))},
    {enforced: []},
  ),
  targetSchema({
    person: table([['id']], column('id', 'bigint')),
    badge: table([['number']], column('number', 'bigint')),
  }),
);

const text = (value: string) => [value.length, ...Buffer.from(value)];
/** A table of BIGINT columns, as the log describes it. */
function described(schema: string, name: string, columns: readonly string[]): Buffer {
  const names = columns.flatMap(text);
  const types = columns.map(() => 8);
  return Buffer.concat([
    Buffer.alloc(8),
    Buffer.from([...text(schema), 0, ...text(name), 0]),
    Buffer.from([types.length, ...types, 0, 0]),
    Buffer.from([4, names.length, ...names]),
  ]);
}
function tables(isCaseless: boolean): LoggedTables {
  return new LoggedTables({
    database: 'laas',
    plan: () => PLAN,
    collations: new Map(),
    charsets: new Map(),
    isMariadb: () => false,
    isCaseless: () => isCaseless,
  });
}

it.each([
  ['laas', 'People', false, true],
  ['laas', 'people', false, false],
  ['laas', 'people', true, true],
  ['other', 'People', true, false],
  ['laas', 'Peoples', true, false],
])('%s.%s with ignored case = %s: %s', (schema, name, isCaseless, isMapped) => {
  const logged = tables(isCaseless);
  logged.add(7, described(schema, name, ['id', 'badge']));
  expect(logged.has(7)).toBe(isMapped);
  expect(logged.layout(7)?.source.table).toBe(isMapped ? 'People' : undefined);
});

it('rows of a table that becomes two have the keys of both, or no key', () => {
  const logged = tables(false);
  logged.add(7, described('laas', 'People', ['id', 'badge']));
  const layout = logged.layout(7);
  if (layout === null) throw new Error('the table is mapped');
  const image = (present: number) => {
    const buffer = Buffer.from([2, present]);
    return rowBlock(layout, {kind: 'delete', buffer, from: 0, to: 2, unchecked: false}, new Slabs());
  };
  expect(image(0b01)).toBe('keyless');
  expect(image(0b11)).not.toBe('keyless');
});

/** Row images are next to each other in one buffer: a read of one never continues into the next. */
import {expect, it} from 'vitest';
import {T} from '../../../replicator/decode/column-types.ts';
import type {LoggedColumn} from '../../../replicator/decode/table-map.ts';
import {layoutOf, rowBlock} from '../../../replicator/decode/row-image.ts';
import {Slabs} from '../../../replicator/decode/slabs.ts';
import {PackedRows} from '../../../src/mapping/packed.ts';
import {entityOf, institute, plan, unpacked} from '../plan-fixture.ts';

const column = (name: string, type: number, {size = 0, decimals = 0}): LoggedColumn => ({
  name,
  type,
  size,
  decimals,
  charset: 'utf8mb4',
  unsigned: false,
  members: [],
});
const COLUMNS = [
  column('id', T.LONGLONG, {}),
  column('name', T.VARCHAR, {size: 200}),
  column('imageUrl', T.VARCHAR, {size: 200}),
  column('created_at', T.DATETIME2, {decimals: 6}),
  column('updated_at', T.DATETIME2, {decimals: 6}),
];
/** All but the first two are NULL. */
const NULLS = 0b11100;

function inserted(id: number, name: string, cut = 0) {
  const plans = plan();
  const layout = layoutOf(plans, entityOf(plans, 'institute').source, {columns: COLUMNS, tables: new Map()});
  if ('unknownText' in layout) throw new Error('this table can be read');
  const buffer = Buffer.from([5, 0b11111, NULLS, id, 0, 0, 0, 0, 0, 0, 0, name.length, ...Buffer.from(name)]);
  return {
    layout,
    event: {kind: 'insert', buffer, from: 0, to: buffer.length - cut, unchecked: false},
  } as const;
}
const slabs = new Slabs();
function block(id: number, name: string, cut = 0) {
  const {layout, event} = inserted(id, name, cut);
  const rows = rowBlock(layout, event, slabs);
  if (rows === 'keyless') throw new Error('the key is there');
  return rows;
}

it('that end too early are refused', () => {
  const [before, short, after] = [block(1, 'One'), block(2, 'Two', 2), block(3, 'Three')];
  const rows = new PackedRows(0);
  const names = (of: typeof before) => of.read(rows).map(({after: row}) => unpacked('institutes', row));
  const none = {created_at: null, updated_at: null};
  expect(names(before)).toEqual([institute('1', {name: 'One', ...none})]);
  expect(() => short.read(rows)).toThrow('do not end where their event does');
  expect(names(after)).toEqual([institute('3', {name: 'Three', ...none})]);
});

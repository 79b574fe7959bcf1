import {expect, it} from 'vitest';
import {PackedRows} from '../../../src/mapping/packed.ts';
import {packed, unpacked, user} from '../plan-fixture.ts';

it('gives its memory to other rows without the earlier values', () => {
  const rows = new PackedRows(0);
  const before = packed(user('1'), rows);
  const next = rows.handOver();
  const after = packed(user('2', {last_name: null}), next);
  expect(unpacked('users', after)).toEqual(user('2', {last_name: null}));
  expect(() => before.text(0)).toThrow('after its batch had ended');
  expect(() => before.isNull(0)).toThrow('after its batch had ended');
});

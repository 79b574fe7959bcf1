import {describe, expect, it} from 'vitest';
import {parseForeignKeys} from '../../../src/db/foreign-keys.ts';
import {unloggedCascades} from '../../../src/mapping/cascades.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';

const mapping = (closedHasParent: boolean) =>
  parseMapping(
    JSON.stringify({
      version: 1,
      tables: {
        customer: {from: 'customers', key: 'id', columns: {id: 'id'}},
        open: {
          from: 'orders',
          key: 'id',
          columns: {id: 'id', customer: 'customer_id'},
          where: {state: 'open'},
          parents: {customer: 'customer'},
        },
        closed: {
          from: 'orders',
          key: 'id',
          columns: {id: 'id', customer: 'customer_id'},
          where: {state: 'closed'},
          parents: closedHasParent ? {customer: 'customer'} : {},
        },
      },
    }),
    'test',
  );
const reached = (key: string, of = mapping(true)) =>
  [
    ...unloggedCascades(
      parseForeignKeys(
        `CONSTRAINT f FOREIGN KEY (customer_id) REFERENCES customers (id) ${key}`,
        'shop',
        'orders',
      ),
      'shop',
      of,
    ).keys(),
  ].length > 0;

describe('a cascade along a reference of the mapping', () => {
  it('is followed if each entity of the source has the reference', () => {
    expect(reached('ON DELETE CASCADE ON UPDATE CASCADE')).toBe(false);
    expect(reached('ON DELETE CASCADE', mapping(false))).toBe(true);
  });

  it('is not followed if it sets a reference outside the key to null', () => {
    expect(reached('ON DELETE SET NULL')).toBe(true);
    expect(reached('ON DELETE CASCADE ON UPDATE SET NULL')).toBe(true);
  });
});

import {describe, expect, it} from 'vitest';
import {parseForeignKeys} from '../../../src/db/foreign-keys.ts';
import {cascadeKey, isParentKey, unloggedCascades} from '../../../src/mapping/cascades.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import {parentJoins} from '../../../src/mapping/mapping.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';

/** Foreign keys as SHOW CREATE TABLE has them, by table. */
const keysOf = (tables: Readonly<Record<string, readonly string[]>>) =>
  Object.entries(tables).flatMap(([name, keys]) => {
    const [schema = '', table = ''] = name.split('.');
    return parseForeignKeys(
      keys.map((key, i) => `CONSTRAINT \`f${i}\` FOREIGN KEY ${key}`).join(',\n'),
      schema,
      table,
    );
  });
const reachedBy = (tables: Readonly<Record<string, readonly string[]>>, mapping = LAAS) =>
  Object.fromEntries(
    [...unloggedCascades(keysOf(tables), 'laas', mapping)].map(([table, {deletes, updates}]) => [
      table.replace('\0', '.'),
      [...(deletes ? ['deletes'] : []), ...(updates ? ['updates'] : [])].join(),
    ]),
  );

describe('cascades that the log does not show', () => {
  it('are those into mapped rows, through any number of tables and schemas', () => {
    expect(
      reachedBy({
        'laas.users': ['(`org`) REFERENCES `orgs` (`id`) ON DELETE CASCADE ON UPDATE CASCADE'],
        'laas.orgs': [
          '(`g`) REFERENCES `hr`.`groups` (`id`) ON DELETE CASCADE',
          '(`n`) REFERENCES `notes` (`id`)',
        ],
        'hr.groups': ['(`h`) REFERENCES `heads` (`id`) ON DELETE SET NULL'],
      }),
    ).toEqual({'laas.orgs': 'deletes', 'hr.groups': 'deletes'});
  });

  it('are those that write a mapped column, and not those that write another', () => {
    expect(
      reachedBy({
        'laas.users': [
          '(`is_active`) REFERENCES `states` (`code`) ON UPDATE CASCADE',
          '(`boss`) REFERENCES `users` (`id`) ON DELETE SET NULL ON UPDATE CASCADE',
        ],
        'laas.institute_user': [
          '(`USER_TYPE`) REFERENCES `kinds` (`code`) ON DELETE SET NULL',
          '(`tenant`, `status`) REFERENCES `pairs` (`tenant`, `status`) ON UPDATE SET NULL',
        ],
      }),
    ).toEqual({'laas.states': 'updates', 'laas.kinds': 'deletes', 'laas.pairs': 'updates'});
  });

  it('are those of a membership by another column, and of a table to itself', () => {
    expect(
      reachedBy({
        'laas.institute_user': [
          '(`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE ON UPDATE CASCADE',
          '(`institute_id`) REFERENCES `institutes` (`id`) ON DELETE CASCADE',
        ],
      }),
    ).toEqual({});
    expect(
      reachedBy({'laas.institute_user': ['(`invited_by`) REFERENCES `users` (`id`) ON DELETE CASCADE']}),
    ).toEqual({'laas.users': 'deletes'});
    expect(reachedBy({'laas.users': ['(`boss`) REFERENCES `users` (`id`) ON DELETE CASCADE']})).toEqual({
      'laas.users': 'deletes',
    });
  });

  it('are those that continue from a child which the stream follows', () => {
    const shops = parseMapping(
      `version: 1
tables:
  region: {from: regions, key: id, columns: {id: id}}
  shop: {from: shops, key: id, columns: {id: id, region: region_id}, parents: {region: region}}
  clerk: {from: clerks, key: id, columns: {id: id, shop: shop_id}}
`,
      'shops.yaml',
    );
    const followed = {
      'laas.shops': ['(`region_id`) REFERENCES `regions` (`id`) ON DELETE CASCADE ON UPDATE CASCADE'],
    };
    expect(reachedBy(followed, shops)).toEqual({});
    expect(
      reachedBy(
        {...followed, 'laas.clerks': ['(`shop_id`) REFERENCES `shops` (`id`) ON DELETE CASCADE']},
        shops,
      ),
    ).toEqual({'laas.shops': 'deletes', 'laas.regions': 'deletes'});
    expect(
      reachedBy(
        {...followed, 'laas.clerks': ['(`shop_id`) REFERENCES `shops` (`region_id`) ON UPDATE CASCADE']},
        shops,
      ),
    ).toEqual({'laas.shops': 'updates', 'laas.regions': 'updates'});
  });
});

it('#45 a membership’s key to its parent covers exactly the mapped columns', () => {
  const isParent = (key: string) =>
    keysOf({'laas.institute_user': [key]}).map(found => isParentKey(found, 'laas', parentJoins(LAAS)));
  expect(isParent('(`user_id`) REFERENCES `users` (`id`)')).toEqual([true]);
  expect(isParent('(`INSTITUTE_ID`) REFERENCES `institutes` (`ID`)')).toEqual([true]);
  for (const key of [
    '(`invited_by`) REFERENCES `users` (`id`)',
    '(`user_id`) REFERENCES `users` (`legacy_id`)',
    '(`user_id`, `tenant`) REFERENCES `users` (`id`, `tenant`)',
    '(`user_id`) REFERENCES `other`.`users` (`id`)',
    '(`institute_id`) REFERENCES `users` (`id`)',
  ])
    expect(isParent(key), key).toEqual([false]);
});

it('names are read with their quotes, however they are written', () => {
  const [key] = parseForeignKeys(
    'CONSTRAINT `a``b` FOREIGN KEY (`x``y`, `z`) REFERENCES "s""1".users ("p", q) ON UPDATE SET NULL ON DELETE CASCADE',
    'laas',
    't',
  );
  expect(key).toMatchObject({
    name: 'a`b',
    columns: ['x`y', 'z'],
    referencedSchema: 's"1',
    referencedTable: 'users',
    referencedColumns: ['p', 'q'],
    onDelete: 'CASCADE',
    onUpdate: 'SET NULL',
  });
  expect(cascadeKey('A', 'b')).toBe(cascadeKey('a', 'B'));
});

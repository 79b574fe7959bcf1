import {describe, expect, it} from 'vitest';
import {SyncError} from '../../../src/errors.ts';
import {buildPlan} from '../../../src/mapping/plan.ts';
import type {ColumnSchema} from '../../../src/mapping/schema.ts';
import {compileCondition, conditionSql, holds} from '../../../src/mapping/conditions.ts';
import {familyOf} from '../../../src/mapping/families.ts';
import {KeyCodec} from '../../../src/mapping/key.ts';
import {rounds} from '../../../src/mapping/operators/moments.ts';
import {judge, mapRow, sourceKey} from '../../../src/mapping/row.ts';
import {sourceSelectList} from '../../../src/mapping/sql/columns.ts';
import {eligibleCondition} from '../../../src/mapping/sql/eligible.ts';
import type {Row} from '../../../src/mapping/values.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {
  column,
  entityOf,
  institute,
  membership,
  plan,
  sourceSchema,
  sourceTable,
  table,
  tableOf,
  targetSchema,
  targetTable,
  user,
  type TargetTable,
} from '../plan-fixture.ts';

function faultOf(make: () => unknown): SyncError {
  try {
    make();
  } catch (error) {
    if (error instanceof SyncError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

const without = (schema: ReturnType<typeof table>, ...names: string[]) =>
  table(schema.uniqueKeys, ...schema.columns.filter(({name}) => !names.includes(name)));

describe('a plan', () => {
  it('names every mapped column that the source lacks', () => {
    const users = without(sourceTable('users'), 'email', 'is_active');
    const fault = faultOf(() => plan({users}));
    expect(fault).toMatchObject({code: 'schema-incompatible', reaction: 'halt'});
    expect(fault.message).toBe(
      'the source table users lacks the column email; the source table users lacks the column is_active',
    );
  });

  it('names every mapped column of a type that cannot be mapped', () => {
    const users = table(
      [['id']],
      ...sourceTable('users').columns.map(known => {
        if (known.name === 'email') return column('email', 'json');
        if (known.name === 'is_active') return column('is_active', 'binary');
        return known.name === 'created_at' ? column('created_at', 'geometry') : known;
      }),
    );
    const {code, message} = faultOf(() => plan({users}));
    expect(code).toBe('schema-incompatible');
    expect(message).toMatch(
      /type that cannot be mapped in the column email \(json: [^)]+\), created_at \(geometry: [^)]+\), is_active \(binary: [^)]+\); on the source: ALTER TABLE `users` MODIFY `email` VARCHAR\(255\) NULL; ALTER TABLE `users` ADD COLUMN `created_at_text` LONGTEXT AS \(ST_AsText\(`created_at`\)\) STORED; \/\* and map this column instead \*\/ ALTER TABLE `users` MODIFY `is_active` TINYINT NULL;$/,
    );
  });

  const members = (type: string, ...names: string[]) => ({type, members: names, definition: type});
  it.each<[string, TargetTable, string, Partial<ColumnSchema>, string]>([
    [
      'the zeros of a key',
      'user_auth',
      'userId',
      {definition: 'bigint unsigned zerofill', unsigned: true},
      'BIGINT UNSIGNED',
    ],
    ['BINARY for a text', 'institute', 'name', {type: 'binary'}, 'VARBINARY(1020)'],
    ['the members of an ENUM for a text', 'institute', 'name', members('enum', 'One', 'Two'), 'VARCHAR(255)'],
    ['a UUID for a text', 'institute', 'name', {type: 'uuid'}, 'VARCHAR(255)'],
    ['a number for a text', 'user', 'name', {type: 'int'}, 'VARCHAR(511)'],
    ['a text for a date', 'institute', 'createdAt', {type: 'varchar'}, 'DATETIME(6)'],
    ['other members for a flag', 'institute_users', 'isActive', members('enum', 'no', 'yes'), 'TINYINT'],
    ['bytes for a flag', 'institute_users', 'isActive', {type: 'binary', maxLength: 1}, 'TINYINT'],
    ['a fraction for a flag', 'institute_users', 'isActive', {type: 'decimal', scale: 1}, 'TINYINT'],
    ['a year for a flag', 'institute_users', 'isActive', {type: 'year'}, 'TINYINT'],
  ])('refuses %s on the target, with the SQL that fixes it', (_, target, name, change, type) => {
    const schema = targetTable(target);
    const columns = schema.columns.map(known => (known.name === name ? {...known, ...change} : known));
    const fault = faultOf(() => plan({}, {[target]: table(schema.uniqueKeys, ...columns)}));
    expect(fault.code).toBe('target-incompatible');
    expect(fault.message).toMatch(new RegExp(`cannot be mapped in the column ${name} \\(`));
    expect(fault.message).toContain(
      `; on the target: ALTER TABLE \`${target}\` MODIFY \`${name}\` ${type} NULL;`,
    );
  });

  it('refuses a view on either side', () => {
    const [users, user] = [sourceTable('users'), targetTable('user')];
    expect(faultOf(() => plan({users: {...users, isView: true}})).message).toBe(
      'users of the source is a view, whose changes the log does not show: map the table itself',
    );
    const asView = {...user, uniqueKeys: [], isView: true};
    expect(faultOf(() => plan({}, {user: asView})).message).toBe(
      'user of the target is a view, which has no keys: map a table',
    );
  });

  it('refuses a source key that may repeat, unless the mapping prefers a row', () => {
    const institutes = sourceTable('institutes');
    expect(faultOf(() => plan({institutes: {...institutes, uniqueKeys: [['id', 'name']]}})).message).toBe(
      'institutes of the source has no unique key on (id), so that several rows can have one key: add a unique key, or say in the mapping which of them counts (prefer)',
    );
    expect(() => plan({institutes: {...institutes, uniqueKeys: [], prefixKeys: [['ID']]}})).not.toThrow();
    expect(() => plan({institute_user: {...sourceTable('institute_user'), uniqueKeys: []}})).not.toThrow();
  });

  it('refuses a shape on the target, with SQL that does not convert it', () => {
    const schema = targetTable('user');
    const columns = schema.columns.map(known =>
      known.name === 'password' ? {...known, type: 'geometry'} : known,
    );
    const fault = faultOf(() => plan({}, {user: table(schema.uniqueKeys, ...columns)}));
    expect(fault.message).toContain(
      '; on the target: ALTER TABLE `user` DROP COLUMN `password`, ADD COLUMN `password` VARCHAR(255) NULL;',
    );
  });

  it('accepts the members, the length and the digits of the source, and no others', () => {
    const copied = (from: Partial<ColumnSchema>, to: Partial<ColumnSchema>) => {
      const change = (schema: ReturnType<typeof table>, other: Partial<ColumnSchema>) =>
        table(
          schema.uniqueKeys,
          ...schema.columns.map(known => (known.name === 'name' ? {...known, ...other} : known)),
        );
      return () =>
        plan(
          {institutes: change(sourceTable('institutes'), from)},
          {institute: change(targetTable('institute'), to)},
        );
    };
    const binary = (maxLength: number) => ({type: 'binary', charset: null, maxLength});
    expect(copied(binary(16), binary(16))).not.toThrow();
    expect(copied(binary(15), binary(16))).toThrow('cannot be mapped');
    expect(copied(members('enum', 'a', 'b'), members('enum', 'b', 'c', 'a'))).not.toThrow();
    expect(copied(members('enum', 'a', 'b'), members('enum', 'b', 'c'))).toThrow('cannot be mapped');
    expect(copied(members('set', 'a', 'b'), members('set', 'a', 'c', 'b'))).not.toThrow();
    expect(copied(members('set', 'a', 'b'), members('set', 'b', 'a'))).toThrow('cannot be mapped');
    const double = (definition: string) => ({type: 'double', definition, charset: null});
    expect(copied(double('double(10,3)'), double('double'))).not.toThrow();
    expect(copied(double('double(10,3)'), double('double(10,3)'))).not.toThrow();
    expect(copied(double('double'), double('double(10,3)'))).toThrow('it rounds to (10,3) digits');
    expect(copied(double('double(10,3)'), double('double(9,2)'))).toThrow('it rounds to (9,2) digits');
  });

  it('names every fault of the target at once', () => {
    const fault = faultOf(() =>
      plan(
        {},
        {
          user: table([['email']], ...targetTable('user').columns),
          institute: without(targetTable('institute'), 'imageUrl'),
        },
      ),
    );
    expect(fault).toMatchObject({code: 'target-incompatible', reaction: 'halt'});
    expect(fault.message).toBe(
      'the target table institute lacks the column imageUrl; the target table user has no unique key on (userId)',
    );
  });

  it('accepts a target with a surrogate key and more columns, in another letter case', () => {
    const {columns} = targetTable('institute_users');
    const institute_users = table(
      [['id'], ['userid', 'INSTITUTEID']],
      column('id', 'bigint'),
      column('note', 'text'),
      ...columns,
    );
    expect(tableOf(plan({}, {institute_users}), 'institute_users').keyIndexes).toEqual([0, 1]);
  });

  it('reads an absent column as null, BIT as a number, and ids without zeros', () => {
    const users = table(
      [['id']],
      ...sourceTable('users').columns.map(known => {
        if (known.name === 'id') return column('id', 'bigint', {definition: 'bigint(9) unsigned zerofill'});
        return known.name === 'is_active' ? column('is_active', 'bit') : known;
      }),
    );
    const listOf = (of: ReturnType<typeof plan>, target: TargetTable) =>
      sourceSelectList(entityOf(of, target).source);
    const changed = plan({users});
    expect(listOf(changed, 'institute_users')).toMatch(/, NULL$/);
    expect(listOf(changed, 'user')).toMatch(/^s\.`id` \+ 0, .* s\.`is_active` \+ 0$/);
    expect(listOf(plan(), 'user')).not.toContain('+');
  });

  it('knows whether pairs may repeat', () => {
    const repeats = (...keys: string[][]) =>
      entityOf(plan({institute_user: table(keys, column('id', 'bigint'), ...columns)}), 'institute_users')
        .repeats;
    const {columns} = sourceTable('institute_user');
    expect(entityOf(plan(), 'institute_users').repeats).toBe(false);
    expect(repeats(['id'])).toBe(true);
    expect(repeats(['institute_id', 'user_id', 'user_type'])).toBe(true);
    expect(repeats(['user_id'])).toBe(false);
  });

  it('checks only values that could be refused, by the types of both columns', () => {
    const looksAtName = (name: Partial<ColumnSchema>, target: Partial<ColumnSchema>) => {
      const columns = sourceTable('users').columns.map(known =>
        known.name.endsWith('_name') ? {...known, ...name} : known,
      );
      const wanted = targetTable('user').columns.map(known =>
        known.name === 'name' ? {...known, ...target} : known,
      );
      const changed = plan({users: table([['id']], ...columns)}, {user: table([['userId']], ...wanted)});
      return tableOf(changed, 'user').fallible.map(({name: of}) => of);
    };
    const always = ['userId', 'email', 'password'];
    expect(looksAtName({maxLength: 60}, {maxLength: 121})).toEqual(always);
    for (const [source, target] of [
      [{maxLength: 60}, {maxLength: 120}],
      [{type: 'text', maxLength: 60}, {maxLength: 121}],
      [{maxLength: 60}, {type: 'text', maxLength: 121}],
      [{maxLength: null}, {maxLength: 121}],
    ] as const)
      expect(looksAtName(source, target)).toEqual(['userId', 'name', 'email', 'password']);
    expect(tableOf(plan(), 'institute_users').fallible.map(({name}) => name)).toEqual([
      'instituteId',
      'userId',
    ]);
  });

  it('rounds only if the source has more digits than the target', () => {
    const isRounded = (fraction: number) => {
      const columns = sourceTable('users').columns.map(known =>
        known.name.endsWith('_at') ? {...known, fraction} : known,
      );
      const changed = buildPlan(LAAS, sourceSchema({users: table([['id']], ...columns)}), targetSchema());
      return tableOf(changed, 'user').columns.some(({shape}) => shape.family === 'moment' && rounds(shape));
    };
    expect([0, 3, 4, 6].map(isRounded)).toEqual([false, false, true, true]);
  });
});

describe('a condition', () => {
  const flag = (type: string, is: string[] = ['1']) => {
    const condition = {column: 'c', is: 'in' as const, values: is};
    return compileCondition(condition, 0, familyOf({type}) ?? 'text');
  };
  const set = (type: string, values: readonly (string | null)[]) =>
    values.filter(value => holds(flag(type), [value]));

  it('that a flag is set holds for a number that is 1, and for a text that reads 1', () => {
    const numbers = ['1', '1.00', '0', '2', '10', null];
    for (const type of ['tinyint', 'decimal', 'float', 'bit'])
      expect(set(type, numbers)).toEqual(['1', '1.00']);
    const texts = ['1', ' 001 ', '01', '1.0', '0 1', '10', '', 'yes', null];
    for (const type of ['varchar', 'enum', 'set']) expect(set(type, texts)).toEqual(['1', ' 001 ', '01']);
  });

  it('compares a text as a text in SQL, and never the number of a member', () => {
    expect(conditionSql(flag('tinyint'), 'c', 't')).toBe('t = 1');
    expect(conditionSql(flag('enum'), 'c', 't')).toBe(
      "CAST(TRIM(LEADING '0' FROM TRIM(t)) AS BINARY) = x'31'",
    );
    expect(conditionSql(flag('enum', ['1', 'a']), 'c', 't')).toBe(
      "(CAST(TRIM(LEADING '0' FROM TRIM(t)) AS BINARY) = x'31' OR CAST(t AS BINARY) IN (x'61'))",
    );
    const users = table(
      [['id']],
      ...sourceTable('users').columns.map(known =>
        known.name === 'is_active'
          ? column('is_active', 'enum', {charset: 'latin1', members: ['0', '1']})
          : known,
      ),
    );
    expect(eligibleCondition(entityOf(plan({users}), 'user'))).toContain(
      'TRIM(CONVERT(s.`is_active` USING utf8mb4))',
    );
  });
});

describe('mapping a row', () => {
  const plans = plan();
  const judged = (target: TargetTable, row: Row) =>
    judge(entityOf(plans, target), tableOf(plans, target), row);
  const mapped = (target: TargetTable, row: Row) => mapRow(tableOf(plans, target), row);

  it('writes an institute', () => {
    expect(judged('institute', institute('7'))).toBe('row');
    expect(sourceKey(entityOf(plans, 'institute'), institute('7'))).toBe('7');
    expect(mapped('institute', institute('7', {imageUrl: 'http://x'}))).toEqual([
      '7',
      'School 7',
      'http://x',
      '2024-01-02 03:04:05.000',
      '2024-02-03 04:05:06.000',
    ]);
    expect(judged('institute', institute('7', {name: null}))).toBe('ineligible');
    expect(judged('institute', institute('7', {name: ''}))).toBe('row');
  });

  it('writes one user as user and user_auth', () => {
    const date = expect.any(String) as string;
    expect(mapped('user', user('9'))).toEqual(['9', 'Ada L', 'u9@x.org', '$2b$', date, date]);
    expect(mapped('user_auth', user('9'))).toEqual(['9', '$2b$', date, date]);
  });

  it('writes a membership under both its ids', () => {
    const date = expect.any(String) as string;
    const entity = entityOf(plans, 'institute_users');
    expect(judged('institute_users', membership('1', '2'))).toBe('row');
    expect(sourceKey(entity, membership('1', '2'))).toBe('1:2');
    expect(mapped('institute_users', membership('1', '2'))).toEqual(['1', '2', 'FACULTY', '1', date, date]);
    expect(sourceKey(entity, membership('1', '2', {user_id: null}))).toBeNull();
  });
});

describe('keys', () => {
  const codec = (...names: string[]) => new KeyCodec(names.map(name => ({name, family: 'integer'})));

  it('are ids of up to 64 bits', () => {
    expect(codec('a').of(['18446744073709551615'], [0])).toBe('18446744073709551615');
    expect(codec('a', 'b').of(['-5', '7'], [1, 0])).toBe('7:-5');
    for (const value of [null, '', '1.5', '1e3', "1'", '999999999999999999999'])
      expect(codec('a').of([value], [0])).toBeNull();
    expect(codec('a', 'b').split('7:-5')).toEqual(['7', '-5']);
  });
});

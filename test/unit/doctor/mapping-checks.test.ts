/** The doctor's checks of a mapping, without a server. */
import {describe, expect, it} from 'vitest';
import {judgeLease} from '../../../src/doctor/bookkeeping-checks.ts';
import {definitionOf} from '../../../src/doctor/definitions.ts';
import {sharedTables} from '../../../src/doctor/other-streams.ts';
import {checkSourceColumns, hasLead} from '../../../src/doctor/source-checks.ts';
import {NO_CASCADES} from '../../../src/mapping/cascades.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';
import type {ColumnSchema, SourceSchema} from '../../../src/mapping/schema.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';

function column(name: string, definition: string, change: Partial<ColumnSchema> = {}): ColumnSchema {
  const type = definition.replace(/[( ].*/s, '');
  const isText = type === 'varchar';
  return {
    name,
    type,
    definition,
    unsigned: definition.includes('unsigned'),
    nullable: false,
    charset: isText ? 'latin1' : null,
    collation: isText ? 'latin1_swedish_ci' : null,
    maxLength: isText ? Number(/\d+/.exec(definition)?.[0]) : null,
    fraction: 0,
    scale: 0,
    columnType: definition,
    clause: null,
    members: null,
    hasDefault: false,
    generated: false,
    ...change,
  };
}

const COURSES = parseMapping(
  JSON.stringify({
    version: 1,
    tables: {
      school: {from: 'schools', key: 'id', columns: {id: 'id'}},
      course: {
        from: 'courses',
        key: 'id',
        columns: {id: 'id', school: 'school_id', title: {join: ['name', 'suffix'], with: ', '}},
        parents: {school: 'school'},
      },
    },
  }),
  'test',
);

function sourceOf(change: {uniqueKeys?: string[][]; indexes?: string[][]} = {}): SourceSchema {
  const id = column('id', 'bigint unsigned');
  const course = {
    columns: [
      id,
      column('school_id', 'bigint unsigned', {nullable: true}),
      column('name', 'varchar(100)'),
      column('suffix', 'varchar(20)'),
    ],
    uniqueKeys: [['id']],
    indexes: [['id'], ['school_id']],
    rows: 0,
    ...change,
  };
  const school = {columns: [id], uniqueKeys: [['id']], indexes: [['id']], rows: 0};
  return {
    tables: new Map(Object.entries({schools: school, courses: course})),
    enforced: [],
    cascades: NO_CASCADES,
  };
}

const faults = (schema: SourceSchema, mapping = COURSES) =>
  checkSourceColumns(schema, mapping)
    .filter(({level}) => level !== 'ok')
    .map(({level, message}) => `${level}: ${message}`);

describe('the source', () => {
  it('is fine if keys are unique and references are indexed', () => {
    expect(faults(sourceOf())).toEqual([]);
  });

  it('must have a unique key, unless the mapping says which row counts', () => {
    const schema = sourceOf({uniqueKeys: []});
    expect(faults(schema)).toEqual(['must-fix: courses has no unique key on id']);
    const tables = COURSES.tables.map(table => ({
      ...table,
      prefer: [{column: 'id', optional: false, by: 'order' as const, order: 'asc' as const}],
    }));
    expect(faults(schema, {...COURSES, tables})).toEqual([]);
  });

  it('must have an index that begins with each reference', () => {
    expect(faults(sourceOf({indexes: [['id', 'school_id']]}))).toEqual([
      'must-fix: no index of courses begins with school_id, which refers to school',
    ]);
    expect(hasLead([['B', 'a', 'c']], ['a', 'b'])).toBe(true);
    expect(hasLead([['a', 'c', 'b']], ['a', 'b'])).toBe(false);
  });

  it('suggests a similar name if a column or a table is missing', () => {
    const tables = new Map(
      [...sourceOf().tables].map(([name, table]) => [name, {...table, columns: [...table.columns]}]),
    );
    const courses = tables.get('courses');
    courses?.columns.splice(1, 1, column('schoolid', 'bigint unsigned'));
    expect(faults({...sourceOf(), tables})).toEqual([
      "must-fix: the source table courses lacks the column school_id; did you mean 'schoolid'?",
    ]);
  });
});

describe('the definition of a column that the target lacks', () => {
  it('is that of the statement that creates the table', () => {
    const definitions = LAAS.tables.flatMap(map =>
      map.columns.map(one => [one.target, definitionOf(map, one, undefined)]),
    );
    expect(Object.fromEntries(definitions)).toMatchObject({
      imageUrl: 'VARCHAR(1024) NULL',
      role: "ENUM('ADMIN', 'FACULTY', 'STUDENT', 'STAFF', 'DIRECTOR') NOT NULL DEFAULT 'STUDENT'",
      isActive: 'BOOLEAN NOT NULL DEFAULT 1',
    });
  });

  it('has a default if it is a time without one: existing rows need a value', () => {
    const [map] = LAAS.tables;
    const created = map?.columns.find(({target}) => target === 'createdAt');
    if (map === undefined || created === undefined) throw new Error('the mapping has no createdAt');
    const given = (definition: string) =>
      definitionOf({...map, create: [`CREATE TABLE t (createdAt ${definition})`]}, created, undefined);
    expect(definitionOf(map, created, undefined)).toBe('DATETIME(3) NOT NULL DEFAULT CURRENT_TIMESTAMP(3)');
    expect(given('TIMESTAMP NOT NULL')).toBe('TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP');
    expect(given('DATE NOT NULL')).toBe("DATE NOT NULL DEFAULT '1970-01-01'");
    for (const filled of ['DATETIME(6) NULL', "DATETIME NOT NULL DEFAULT '2000-01-01'", 'TIME NOT NULL'])
      expect(given(filled)).toBe(filled);
  });

  it('comes from the source if there is no such statement', () => {
    const [, course] = COURSES.tables;
    const source = sourceOf().tables.get('courses');
    expect(course?.columns.map(one => definitionOf(course, one, source))).toEqual([
      'bigint unsigned NOT NULL',
      'bigint unsigned NULL',
      'VARCHAR(122) CHARACTER SET utf8mb4 NOT NULL',
    ]);
  });
});

describe('two streams on one target', () => {
  const lease = {stream: 'b', leader: 'host:1', holder: 7, idleSeconds: 0, isRenewed: true};

  it('are refused if they write one table, and accepted if they do not', () => {
    expect(judgeLease({...lease, shared: ['user']}, 'a')).toMatchObject([{level: 'must-fix'}]);
    expect(judgeLease({...lease, shared: []}, 'a')).toMatchObject([{level: 'ok'}]);
    expect(judgeLease(lease, 'a')).toMatchObject([{level: 'warning'}]);
  });

  it('share the tables that both mappings have', () => {
    const others = [
      {stream: 'b', canonical: COURSES.canonical},
      {stream: 'c', canonical: null},
      {stream: 'd', canonical: 'no JSON'},
      {stream: 'e', canonical: LAAS.canonical},
    ];
    expect(sharedTables(COURSES, others)).toEqual([{stream: 'b', tables: ['course', 'school']}]);
  });
});

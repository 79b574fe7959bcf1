/**
 * Random graphs of tables whose foreign keys act on their children, and random work on them, from numbers that
 * shrink: what `held-batches.test.ts` compares with the oracle. Keys are small numbers, so that rows often come
 * back under a key that others had before.
 */
import fc from 'fast-check';
import {randomFrom} from '../helpers/workload.ts';

const ACTIONS = ['CASCADE', 'CASCADE', 'CASCADE', 'SET NULL', 'RESTRICT'] as const;
const referenceDraw = fc.record({
  back: fc.constantFrom(0, 0, 0, 1, 2),
  place: fc.constantFrom(
    'in the key',
    'in the key',
    'optional in the key',
    'required',
    'required',
    'optional',
    'optional',
  ),
  onDelete: fc.constantFrom(...ACTIONS),
  onUpdate: fc.constantFrom(...ACTIONS),
  /** Whether a foreign key holds it, on each side. */
  onSource: fc.constantFrom(true, true, true, true, false),
  onTarget: fc.boolean(),
});
const tableDraw = fc.record({
  parents: fc.array(referenceDraw, {minLength: 1, maxLength: 2}),
  hasCondition: fc.boolean(),
  /** Some rows are dead letters. */
  hasCheck: fc.constantFrom(false, false, false, false, true),
  hasCompanion: fc.constantFrom(false, false, false, true),
  /** A second entity of the same source. */
  second: fc.constantFrom('none', 'none', 'none', 'with its parents', 'without parents'),
  /** Several source rows may have one key. */
  repeats: fc.constantFrom(false, false, false, false, true),
});
export const worldDraw = fc.noBias(
  fc.record({
    /** Whether the stream alone follows all that the foreign keys do. */
    isFollowed: fc.constantFrom(true, true, false),
    tables: fc.array(tableDraw, {minLength: 3, maxLength: 5}),
  }),
);
export type WorldDraw = typeof worldDraw extends fc.Arbitrary<infer T> ? T : never;

const stepDraw = fc.record({
  table: fc.nat(4),
  kind: fc.constantFrom(
    ...(['insert', 'insert', 'insert', 'insert', 'delete', 'delete several'] as const),
    ...([
      'value',
      'refer',
      'refer',
      'switch',
      'switch',
      'switch several',
      'move',
      'move',
      'move several',
    ] as const),
  ),
  seed: fc.nat(1_000_000),
});
export const transactionsDraw = fc.noBias(
  fc.array(fc.array(stepDraw, {minLength: 1, maxLength: 3}), {minLength: 5, maxLength: 16}),
);
/** The first rows: a transaction of inserts. */
export const fillDraw = fc.noBias(
  fc.array(fc.record({table: fc.nat(4), kind: fc.constant('insert' as const), seed: fc.nat(1_000_000)}), {
    minLength: 30,
    maxLength: 50,
  }),
);
export type Transactions = typeof transactionsDraw extends fc.Arbitrary<infer T> ? T : never;

interface Reference {
  readonly parent: Table;
  readonly columns: readonly string[];
  readonly isInKey: boolean;
  readonly isOptional: boolean;
  /** Its keys, in SQL. */
  readonly onSource: readonly string[];
  readonly onTarget: readonly string[];
}

interface Table {
  readonly name: string;
  readonly target: string;
  readonly key: readonly string[];
  readonly references: readonly Reference[];
  /** A part of the key may be null, which no cascade may write to a child that takes no null. */
  readonly hasOptionalKey: boolean;
  readonly hasCheck: boolean;
}

export interface World {
  readonly tables: readonly Table[];
  readonly mapping: Readonly<Record<string, unknown>>;
  readonly source: string;
  readonly target: string;
  readonly hasChecks: boolean;
}

/** The meaning of a draw. */
export function worldOf(world: WorldDraw): World {
  const tables: Table[] = [];
  const mapping: Record<string, unknown> = {};
  const [source, target]: [string[], string[]] = [[], []];
  for (const [i, draw] of world.tables.entries()) {
    const [name, to] = [`s${i}`, `t${i}`];
    const references = referencesOf(world, i, tables);
    const key = ['k', ...references.filter(({isInKey}) => isInKey).flatMap(({columns}) => columns)];
    const others = references.filter(({isInKey}) => !isInKey);
    const isNullable = (column: string) =>
      references.some(({isOptional, columns}) => isOptional && columns.includes(column));
    const rest = others.flatMap(({columns}) => columns);
    const keySql = `(${key.join(', ')})`;
    const hasOptionalKey = key.some(isNullable);
    const hasOwnKey = draw.repeats || hasOptionalKey;
    const columnSql = (column: string) => `${column} INT ${isNullable(column) ? 'NULL' : 'NOT NULL'}`;
    source.push(
      tableSql(name, [
        'sid INT NOT NULL AUTO_INCREMENT',
        ...[...key, ...rest].map(columnSql),
        'v INT NOT NULL DEFAULT 0',
        'w INT NOT NULL DEFAULT 1',
        "m CHAR(1) NOT NULL DEFAULT 'x'",
        'filler MEDIUMBLOB NULL',
        hasOwnKey ? 'PRIMARY KEY (sid)' : 'UNIQUE KEY (sid)',
        `${draw.repeats ? '' : hasOwnKey ? 'UNIQUE ' : 'PRIMARY '}KEY ${keySql}`,
        ...references.flatMap(({onSource}) => onSource),
      ]),
    );
    const entry = {
      from: name,
      key,
      where: draw.hasCondition ? {w: 1} : {},
      columns: {
        ...Object.fromEntries([...key, ...rest, 'v'].map(one => [one, one])),
        m: draw.hasCheck ? {copy: 'm', check: 'notEmpty'} : 'm',
      },
      parents: Object.fromEntries(references.map(({parent, columns}) => [parent.target, columns])),
      ...(draw.repeats ? {prefer: PREFER} : {}),
    };
    const add = (table: string, other: Readonly<Record<string, unknown>>, keys: readonly string[]) => {
      mapping[table] = {...entry, ...other};
      const columns = [...key.map(one => `${one} INT NOT NULL`), ...rest.map(columnSql), 'v INT NOT NULL'];
      target.push(tableSql(table, [...columns, 'm CHAR(1) NOT NULL', `PRIMARY KEY ${keySql}`, ...keys]));
    };
    add(
      to,
      {},
      references.flatMap(({onTarget}) => onTarget),
    );
    if (draw.hasCompanion) add(`${to}_more`, {parents: {...entry.parents, [to]: key}}, []);
    const where = draw.hasCondition ? {w: 0} : {};
    if (draw.second === 'with its parents') add(`${to}_second`, {where}, []);
    if (draw.second === 'without parents' && !world.isFollowed) add(`${to}_second`, {where, parents: {}}, []);
    tables.push({name, target: to, key, references, hasOptionalKey, hasCheck: draw.hasCheck});
  }
  return {
    tables,
    mapping,
    source: source.join(';\n'),
    target: target.join(';\n'),
    hasChecks: world.tables.some(({hasCheck}) => hasCheck),
  };
}

/** Of several rows with one key, the first in this order counts. */
const PREFER = [
  {column: 'v', order: 'desc'},
  {column: 'sid', order: 'asc'},
];
const MAX_KEY_COLUMNS = 4;

function referencesOf(
  {isFollowed, tables: draws}: WorldDraw,
  at: number,
  tables: readonly Table[],
): Reference[] {
  const references: Reference[] = [];
  let keyColumns = 1;
  for (const draw of draws[at]?.parents ?? []) {
    // The first table has no parent.
    const up = at === 0 ? -1 : at - 1 - (draw.back % at);
    const parent = tables[up];
    if (parent === undefined || references.some(one => one.parent === parent)) continue;
    const columns = parent.key.map((_, n) => `r${up}${n}`);
    const repeats = draws[at]?.repeats === true;
    const isInKey =
      (repeats || draw.place.endsWith('in the key')) && keyColumns + columns.length <= MAX_KEY_COLUMNS;
    // Which of several rows counts may be outdated if they refer to different parents (docs/mapping.md, Keys).
    if (repeats && !isInKey) continue;
    if (isInKey) keyColumns += columns.length;
    const isOptional = draw.place.startsWith('optional');
    const maySetNull = isOptional && (isInKey || !isFollowed);
    const act = (action: string) => (action === 'SET NULL' && !maySetNull ? 'CASCADE' : action);
    const onUpdate = parent.hasOptionalKey && !isOptional ? 'RESTRICT' : act(draw.onUpdate);
    const foreign = (to: string) =>
      `FOREIGN KEY (${columns.join(', ')}) REFERENCES ${to} (${parent.key.join(', ')})`;
    const key = `KEY (${columns.join(', ')})`;
    const mayBeEnforced = draws[up]?.repeats !== true;
    references.push({
      parent,
      columns,
      isInKey,
      isOptional,
      onSource:
        draw.onSource && mayBeEnforced
          ? [key, `${foreign(parent.name)} ON DELETE ${act(draw.onDelete)} ON UPDATE ${onUpdate}`]
          : [key],
      onTarget: draw.onTarget ? [key, foreign(parent.target)] : [key],
    });
  }
  return references;
}

function tableSql(name: string, parts: readonly string[]): string {
  return `CREATE TABLE ${name} (${parts.join(', ')}) ENGINE=InnoDB`;
}

/** Own parts of keys. */
const KEYS = 5;

/** The statement of a step. Which rows it takes depends on the rows that are there, and on nothing else. */
export function statementOf(
  {tables}: World,
  {table: at, kind, seed}: Transactions[number][number],
  filler: number,
): string {
  const table = tables[at % tables.length];
  if (table === undefined) throw new Error('no table');
  const random = randomFrom(seed);
  const below = (n: number) => Math.floor(random() * n);
  const order = () => `ORDER BY (sid * 31 + ${below(7)}) % 7, sid`;
  const {name, references, hasCheck} = table;
  const reference = references[below(Math.max(1, references.length))];
  const fill = filler > 0 ? `, filler = REPEAT('x', ${filler + below(9)})` : '';
  const change = (assignment: string, rows: string) => `UPDATE ${name} SET ${assignment}${fill} ${rows}`;
  const some = (rows: number) => `${order()} LIMIT ${rows}`;
  /** The columns of a reference to some row of the parent, or to none. */
  const refer = ({parent, columns, isOptional}: Reference): string[] => {
    if (isOptional && below(4) === 0) return columns.map(column => `${column} = NULL`);
    const one = some(1);
    return columns.map(
      (column, n) => `${column} = (SELECT ${parent.key[n] ?? ''} FROM ${parent.name} ${one})`,
    );
  };
  switch (kind) {
    case 'insert': {
      const values = [`k = ${1 + below(KEYS)}`, `v = ${below(9)}`, `w = ${Number(below(4) > 0)}`];
      if (hasCheck && below(4) === 0) values.push("m = ''");
      return `INSERT INTO ${name} SET ${[...values, ...references.flatMap(refer)].join(', ')}${fill}`;
    }
    case 'delete':
      return `DELETE FROM ${name} ${some(1)}`;
    case 'delete several':
      return `DELETE FROM ${name} ${some(3)}`;
    case 'refer':
      return change(reference === undefined ? 'v = v + 1' : refer(reference).join(', '), some(1));
    case 'value':
      return change(hasCheck ? "m = IF(m = '', 'x', '')" : 'v = v + 1', some(2));
    case 'switch':
      return change('w = 1 - w', some(1));
    case 'switch several':
      return change('w = 1 - w', some(3));
    case 'move':
      return change(`k = ${1 + below(KEYS + 1)}`, some(1));
    case 'move several':
      return change('k = k + 1', `ORDER BY k DESC LIMIT ${1 + below(3)}`);
  }
}

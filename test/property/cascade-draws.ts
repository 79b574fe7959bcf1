/**
 * Random graphs of tables whose foreign keys act on their children, and random work on them, from numbers that
 * shrink: what `held-batches.test.ts` compares with the oracle. Keys are small numbers, so that rows often come
 * back under a key that others had before.
 */
import fc from 'fast-check';
import {randomFrom} from '../helpers/workload.ts';

const ACTIONS = ['CASCADE', 'CASCADE', 'CASCADE', 'SET NULL', 'RESTRICT'] as const;
const edgeDraw = fc.record({
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
  parents: fc.array(edgeDraw, {minLength: 1, maxLength: 2}),
  hasCondition: fc.boolean(),
  hasCompanion: fc.constantFrom(false, false, false, true),
  /** A second entity of the same source. */
  second: fc.constantFrom('none', 'none', 'none', 'with its parents', 'without parents'),
  /** Several source rows may have one key. */
  repeats: fc.constantFrom(false, false, false, false, true),
});
export const worldDraw = fc.record({
  /** Whether the stream alone follows all that the foreign keys do. */
  isFollowed: fc.constantFrom(true, true, false),
  tables: fc.array(tableDraw, {minLength: 3, maxLength: 5}),
});
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
      'move in the key',
    ] as const),
  ),
  seed: fc.nat(1_000_000),
});
export const transactionsDraw = fc.array(fc.array(stepDraw, {minLength: 1, maxLength: 3}), {
  minLength: 5,
  maxLength: 16,
});
export type Transactions = typeof transactionsDraw extends fc.Arbitrary<infer T> ? T : never;

interface Edge {
  readonly parent: Table;
  readonly columns: readonly string[];
  readonly isOptional: boolean;
}

interface Table {
  readonly name: string;
  readonly key: readonly string[];
  readonly edges: readonly Edge[];
  /** A part of the key may be null, which no cascade may write to a child that takes no null. */
  readonly hasOptionalKey: boolean;
}

export interface World {
  readonly tables: readonly Table[];
  readonly mapping: Readonly<Record<string, unknown>>;
  readonly source: string;
  readonly target: string;
}

/** The meaning of a draw. */
export function worldOf({isFollowed, tables: draws}: WorldDraw): World {
  const tables: Table[] = [];
  const mapping: Record<string, unknown> = {};
  const [source, target]: [string[], string[]] = [[], []];
  for (const [i, draw] of draws.entries()) {
    const [name, to] = [`s${i}`, `t${i}`];
    const key = ['k'];
    const nullable: string[] = [];
    const edges: Edge[] = [];
    const [columns, sourceKeys, targetKeys]: [string[], string[], string[]] = [[], [], []];
    const parents: Record<string, readonly string[]> = {};
    for (const {back, place, onDelete, onUpdate, onSource, onTarget} of draw.parents) {
      // The first table has no parent.
      const up = i === 0 ? -1 : i - 1 - (back % i);
      const parent = tables[up];
      if (parent === undefined || edges.some(edge => edge.parent === parent)) continue;
      const names = parent.key.map((_, n) => `r${up}${n}`);
      const isInKey = place.endsWith('in the key') && key.length + names.length <= 4;
      const isOptional = place.startsWith('optional');
      if (isInKey) {
        key.push(...names);
        if (isOptional) nullable.push(...names);
      } else columns.push(...names.map(one => `${one} INT ${isOptional ? 'NULL' : 'NOT NULL'}`));
      edges.push({parent, columns: names, isOptional});
      const list = names.join(', ');
      parents[parent.name.replace('s', 't')] = names;
      targetKeys.push(`KEY (${list})`);
      sourceKeys.push(`KEY (${list})`);
      const repeats = draws[up]?.repeats === true;
      const act = (action: string) =>
        action === 'SET NULL' && (!isOptional || (isFollowed && !isInKey)) ? 'CASCADE' : action;
      if (onSource && !repeats)
        sourceKeys.push(
          `FOREIGN KEY (${list}) REFERENCES ${parent.name} (${parent.key.join(', ')}) ON DELETE ${act(onDelete)} ON UPDATE ${parent.hasOptionalKey && !isOptional ? 'RESTRICT' : act(onUpdate)}`,
        );
      if (onTarget)
        targetKeys.push(
          `FOREIGN KEY (${list}) REFERENCES ${parent.name.replace('s', 't')} (${parent.key.join(', ')})`,
        );
    }
    const keyColumns = key.map(one => `${one} INT NOT NULL`);
    const where = draw.hasCondition ? {w: 1} : {};
    const same = Object.fromEntries(
      [...key, 'v', ...columns.map(one => one.split(' ')[0] ?? '')].map(one => [one, one]),
    );
    const prefer = draw.repeats
      ? {
          prefer: [
            {column: 'v', order: 'desc'},
            {column: 'sid', order: 'asc'},
          ],
        }
      : {};
    const entry = {from: name, key, where, ...prefer};
    mapping[to] = {...entry, columns: same, parents};
    target.push(
      tableSql(to, [
        ...keyColumns,
        'v INT NOT NULL',
        ...columns,
        `PRIMARY KEY (${key.join(', ')})`,
        ...targetKeys,
      ]),
    );
    const others = [...keyColumns, ...columns];
    const hasOwnKey = draw.repeats || nullable.length > 0;
    if (draw.hasCompanion) {
      mapping[`${to}_more`] = {
        ...entry,
        columns: {...same, more: {constant: 7}},
        parents: {...parents, [to]: key},
      };
      target.push(
        tableSql(`${to}_more`, [
          ...others,
          'v INT NOT NULL',
          'more INT NOT NULL',
          `PRIMARY KEY (${key.join(', ')})`,
        ]),
      );
    }
    const hasSecond =
      draw.second === 'with its parents' || (draw.second === 'without parents' && !isFollowed);
    if (hasSecond) {
      mapping[`${to}_second`] = {
        ...entry,
        where: draw.hasCondition ? {w: 0} : {},
        columns: same,
        parents: draw.second === 'with its parents' ? parents : {},
      };
      target.push(tableSql(`${to}_second`, [...others, 'v INT NOT NULL', `PRIMARY KEY (${key.join(', ')})`]));
    }
    source.push(
      tableSql(name, [
        'sid INT NOT NULL AUTO_INCREMENT',
        ...key.map(one => `${one} INT ${nullable.includes(one) ? 'NULL' : 'NOT NULL'}`),
        ...columns,
        'v INT NOT NULL DEFAULT 0',
        'w INT NOT NULL DEFAULT 1',
        'filler MEDIUMBLOB NULL',
        hasOwnKey ? 'PRIMARY KEY (sid)' : 'UNIQUE KEY (sid)',
        `${draw.repeats ? '' : hasOwnKey ? 'UNIQUE ' : 'PRIMARY '}KEY (${key.join(', ')})`,
        ...sourceKeys,
      ]),
    );
    tables.push({name, key, edges, hasOptionalKey: nullable.length > 0});
  }
  return {tables, mapping, source: source.join(';\n'), target: target.join(';\n')};
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
  const order = (alias = '') => `ORDER BY (${alias}sid * 31 + ${below(7)}) % 7, ${alias}sid`;
  const {name, edges} = table;
  const edge = edges[below(Math.max(1, edges.length))];
  const fill = filler > 0 ? `, filler = REPEAT('x', ${filler + below(9)})` : '';
  /** The columns of a reference to some row of the parent, or to none. */
  const refer = ({parent, columns, isOptional}: Edge): string[] => {
    if (isOptional && below(4) === 0) return columns.map(column => `${column} = NULL`);
    const by = order();
    return columns.map(
      (column, n) => `${column} = (SELECT ${parent.key[n] ?? ''} FROM ${parent.name} ${by} LIMIT 1)`,
    );
  };
  switch (kind) {
    case 'insert':
      return `INSERT INTO ${name} SET ${[`k = ${1 + below(KEYS)}`, `v = ${below(9)}`, `w = ${Number(below(4) > 0)}`, ...edges.flatMap(refer)].join(', ')}${fill}`;
    case 'delete':
    case 'delete several':
      return `DELETE FROM ${name} ${order()} LIMIT ${kind === 'delete' ? 1 : 3}`;
    case 'refer':
      if (edge !== undefined) return `UPDATE ${name} SET ${refer(edge).join(', ')}${fill} ${order()} LIMIT 1`;
      return `UPDATE ${name} SET v = v + 1${fill} ${order()} LIMIT 2`;
    case 'value':
      return `UPDATE ${name} SET v = v + 1${fill} ${order()} LIMIT 2`;
    case 'switch':
    case 'switch several':
      return `UPDATE ${name} SET w = 1 - w${fill} ${order()} LIMIT ${kind === 'switch' ? 1 : 3}`;
    case 'move':
      return `UPDATE ${name} SET k = ${1 + below(KEYS + 1)}${fill} ${order()} LIMIT 1`;
    case 'move in the key':
      return `UPDATE ${name} SET k = k + 1${fill} ORDER BY k DESC LIMIT ${1 + below(3)}`;
  }
}

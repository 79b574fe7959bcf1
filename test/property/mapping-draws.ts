/** Random schemas, mappings and changes, from numbers that shrink: what `random-mappings.test.ts` compares with the oracle. */
import fc from 'fast-check';
import {randomFrom} from '../helpers/workload.ts';
import {KINDS, keyTypes, WHERES, type ColumnKind} from './mapping-kinds.ts';

const tableDraw = fc.record({
  keys: fc.array(fc.nat(12), {minLength: 1, maxLength: 3}),
  parents: fc.array(
    fc.record({
      back: fc.constantFrom(0, 0, 0, 1, 2),
      inKey: fc.boolean(),
      nullable: fc.boolean(),
      enforced: fc.boolean(),
    }),
    {maxLength: 2},
  ),
  columns: fc.array(fc.nat(KINDS.length - 1), {maxLength: 4}),
  where: fc.nat(WHERES.length - 1),
  hasCompanion: fc.constantFrom(false, false, true),
  repeats: fc.constantFrom(false, false, false, true),
});
export const worldDraw = fc.record({
  /** Of texts in keys. COLLATIONS in the environment names others. */
  collation: fc.constantFrom(...(process.env['COLLATIONS'] ?? 'utf8mb4_bin').split(',')),
  /** Foreign keys of the source cascade without a word in the log. */
  cascades: fc.boolean(),
  tables: fc.array(tableDraw, {minLength: 1, maxLength: 6}),
});
export type WorldDraw = typeof worldDraw extends fc.Arbitrary<infer T> ? T : never;

const step = fc.record({
  table: fc.nat(5),
  kind: fc.constantFrom('insert', 'insert', 'insert', 'update', 'update', 'move', 'delete'),
  seed: fc.nat(1_000_000),
});
/** Transactions. */
export const workDraw = fc.array(fc.array(step, {minLength: 1, maxLength: 8}), {minLength: 1, maxLength: 10});
export type WorkDraw = typeof workDraw extends fc.Arbitrary<infer T> ? T : never;

interface Column {
  readonly name: string;
  readonly sql: string;
  readonly values: readonly (string | null)[];
}

interface Table {
  readonly name: string;
  readonly target: string;
  /** Of both sides. */
  readonly key: readonly Column[];
  readonly others: readonly Column[];
}

export interface World {
  readonly mapping: string;
  readonly source: string;
  readonly target: string;
  readonly tables: readonly Table[];
}

/** The meaning of a draw. The mark shows how far the stream has got. */
export function worldOf({collation, cascades, tables: draws}: WorldDraw): World {
  const types = keyTypes(collation);
  const tables: Table[] = [];
  const entries: Record<string, unknown> = {mark: {from: 'marks', key: 'id', columns: {id: 'id'}}};
  const source = ['CREATE TABLE marks (id INT AUTO_INCREMENT PRIMARY KEY)'];
  const target = ['CREATE TABLE mark (id INT PRIMARY KEY)'];
  for (const [i, draw] of draws.entries()) {
    const [name, to] = [`s${i}`, `t${i}`];
    const key: Column[] = draw.keys.flatMap((type, n) => ({
      name: `k${n}`,
      ...(types[type] ?? {sql: 'INT', values: ['1']}),
    }));
    const others: Column[] = [];
    const parents: Record<string, string[]> = {};
    const [sourceKeys, targetKeys]: [string[], string[]] = [[], []];
    for (const {back, inKey, nullable, enforced} of draw.parents) {
      const parent = tables[i - 1 - back];
      if (parent === undefined || parents[parent.target] !== undefined) continue;
      const asKey = inKey && key.length + parent.key.length <= 4;
      const columns = parent.key.map((column, n) => ({...column, name: `r${back}_${n}`}));
      if (asKey) key.push(...columns);
      else
        others.push(
          ...columns.map(column => (nullable ? {...column, values: [...column.values, null]} : column)),
        );
      const names = columns.map(column => column.name);
      parents[parent.target] = names;
      const parentNames = parent.key.map(column => column.name).join(', ');
      sourceKeys.push(`KEY (${names.join(', ')})`);
      targetKeys.push(`KEY (${names.join(', ')})`);
      if (!enforced || draws[i - 1 - back]?.repeats === true) continue;
      sourceKeys.push(
        `FOREIGN KEY (${names.join(', ')}) REFERENCES ${parent.name} (${parentNames})${cascades ? ' ON DELETE CASCADE ON UPDATE CASCADE' : ''}`,
      );
      targetKeys.push(`FOREIGN KEY (${names.join(', ')}) REFERENCES ${parent.target} (${parentNames})`);
    }
    const columns: Record<string, unknown> = {};
    for (const column of [...key, ...others]) columns[column.name] = column.name;
    const targetColumns = [...key, ...others].map(
      column => `${column.name} ${column.sql} ${key.includes(column) ? 'NOT NULL' : 'NULL'}`,
    );
    for (const [n, kind] of draw.columns.entries()) {
      const {from, to: type, use, fails} = KINDS[kind] ?? (KINDS[0] as ColumnKind);
      // A row that waits for a dead letter stays unchanged in the target, and no cascade finds it.
      if (cascades && fails) continue;
      from.forEach((column, at) => others.push({...column, name: `c${n}${'ab'[at]}`}));
      columns[`c${n}`] = JSON.parse(JSON.stringify(use).replaceAll('$', `c${n}`));
      targetColumns.push(`c${n} ${type} NULL`);
    }
    const where = WHERES[draw.where] ?? null;
    if (where !== null) others.push({name: 'w', sql: where.sql, values: where.values});
    const names = key.map(column => column.name);
    const entry = {
      from: name,
      key: names,
      columns,
      where: where === null ? {} : {w: where.is},
      ...(draw.repeats
        ? {
            prefer: [
              {column: 'grade', order: 'desc'},
              {column: 'sid', order: 'asc'},
            ],
          }
        : {}),
    };
    entries[to] = {...entry, parents};
    if (draw.hasCompanion) {
      entries[`${to}_more`] = {
        ...entry,
        columns: {
          ...Object.fromEntries([...names, ...Object.values(parents).flat()].map(one => [one, one])),
          more: {constant: 7},
        },
        parents: {...parents, [to]: names},
      };
      target.push(
        tableSql(
          `${to}_more`,
          [
            ...targetColumns.slice(0, key.length),
            ...targetColumns.slice(key.length).filter(one => one.startsWith('r')),
            'more INT NULL',
          ],
          names,
          targetKeys.filter(one => one.startsWith('KEY')),
        ),
      );
    }
    if (draw.repeats) others.push({name: 'grade', sql: 'INT', values: ['1', '2', null]});
    source.push(
      tableSql(
        name,
        [
          'sid INT NOT NULL AUTO_INCREMENT',
          ...key.map(column => `${column.name} ${column.sql} NOT NULL`),
          ...others.map(
            column => `${column.name} ${column.sql} ${column.sql.endsWith('NULL') ? 'DEFAULT NULL' : 'NULL'}`,
          ),
        ],
        draw.repeats ? ['sid'] : names,
        [draw.repeats ? `KEY (${names.join(', ')})` : 'UNIQUE KEY (sid)', ...sourceKeys],
      ),
    );
    target.push(tableSql(to, targetColumns, names, targetKeys));
    tables.push({name, target: to, key, others});
  }
  return {
    mapping: JSON.stringify({version: 1, tables: entries}),
    source: source.join(';\n'),
    target: target.join(';\n'),
    tables,
  };
}

function tableSql(
  name: string,
  columns: readonly string[],
  key: readonly string[],
  more: readonly string[],
): string {
  return `CREATE TABLE ${name} (${[...columns, `PRIMARY KEY (${key.join(', ')})`, ...more].join(', ')}) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4`;
}

/** The statement of a step. Sixteen rows at most are changed by one. */
export function statementOf(
  {tables}: World,
  {table: at, kind, seed}: WorkDraw[number][number],
): [string, (string | number | Buffer | null)[]] {
  const table = tables[at % tables.length];
  if (table === undefined) throw new Error('no table');
  const random = randomFrom(seed);
  const pick = ({sql, values}: Column) => {
    const value = values[Math.floor(random() * values.length)] ?? null;
    if (value === null) return null;
    if (/BINARY/.test(sql))
      return value === '\ud800' ? Buffer.from([0xff, 0x41]) : Buffer.from(value, 'utf8');
    return /^(BIT|INT|SMALLINT|TINYINT)/.test(sql) && Number.isSafeInteger(Number(value))
      ? Number(value)
      : value;
  };
  const placeOf = ({sql}: Column) => (sql.startsWith('BIT') ? 'CAST(? AS UNSIGNED)' : '?');
  const some = `sid % 5 = ${Math.floor(random() * 5)}`;
  const all = [...table.key, ...table.others];
  switch (kind) {
    case 'insert':
      return [
        `INSERT INTO ${table.name} (${all.map(({name}) => name).join(', ')}) VALUES (${all.map(placeOf).join(', ')})`,
        all.map(pick),
      ];
    case 'delete':
      return [`DELETE FROM ${table.name} WHERE ${some}`, []];
    case 'update':
    case 'move': {
      const from = kind === 'move' || table.others.length === 0 ? table.key : table.others;
      const columns = from.filter(() => random() < 0.5);
      const changed = columns.length === 0 ? from.slice(0, 1) : columns;
      return [
        `UPDATE ${table.name} SET ${changed.map(column => `${column.name} = ${placeOf(column)}`).join(', ')} WHERE ${some} ORDER BY sid LIMIT 1`,
        changed.map(pick),
      ];
    }
  }
}

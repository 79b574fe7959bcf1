/** Warnings about target columns that do not take every value which their source columns may have. Pure. */
import {nullable, takingNull} from '../mapping/column-clause.ts';
import type {ColumnPlan} from '../mapping/columns.ts';
import type {TableMap} from '../mapping/mapping.ts';
import {quoteName} from '../mapping/quote.ts';
import {warning, type Finding} from './findings.ts';
import {coarser, narrower} from './width-checks.ts';

export function columnWarnings(
  tables: readonly {readonly map: TableMap; readonly columns: readonly ColumnPlan[]}[],
): Finding[] {
  const all = tables.flatMap(({map, columns}) => columns.map(column => ({map, column})));
  return [
    ...rounded(all.flatMap(({map, column}) => coarser(map, column))),
    ...all.flatMap(({map, column}) => [
      ...narrower(map, column),
      ...(column.needsValue ? [nullFinding(map, column)] : []),
    ]),
  ];
}

function nullFinding(table: TableMap, column: ColumnPlan): Finding {
  const {name, schema} = column;
  // It also widens the column, so that it does not undo what the warnings before it say.
  const taking = {...column, schema: takingNull(schema)};
  const [wider] = [...narrower(table, taking), ...coarser(table, taking)];
  const sql = wider?.fix ?? nullable(quoteName(table.target), schema);
  return warning('target', 'target-null', {
    message: `${table.target}.${name} takes no null, and its source may be null`,
    why: 'a row with a null there waits as a dead letter, and the others are written',
    fix: `${sql} -- or leave such rows out (where:), or name a value for them (first: with otherwise:), in the mapping`,
  });
}

/** Many tables have times of two kinds, so that one warning names all of their columns. */
function rounded(findings: readonly Finding[]): Finding[] {
  const [first] = findings;
  if (first === undefined || findings.length === 1) return [...findings];
  const columns = findings.map(({message}) => message.split(' is ', 1)[0] ?? '');
  return [
    {
      ...first,
      message: `${columns.join(', ')} have fewer digits of a second than their sources`,
      why: 'a moment is rounded to the digits of its column',
      fix: findings.flatMap(({fix}) => fix ?? []).join(' '),
    },
  ];
}

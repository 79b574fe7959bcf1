/** Which rows count, for the oracle of any mapping: conditions and preferences by docs/mapping.md. */
import type {Condition, TableMap} from '../../src/mapping/mapping.ts';
import {isDate, isOneOf, plain, type Cell, type Cells, type Column, type Columns} from './graph-values.ts';

export function meets(condition: Condition, column: Column, cell: Cell): boolean {
  if (condition.is !== 'in') return (cell === null) === (condition.is === 'null');
  if (cell === null) return false;
  return condition.values.some(value => {
    if (column.kind === 'binary') return Buffer.from(value, 'utf8').toString('hex').toUpperCase() === cell;
    if (column.kind === 'text') return cell === value || (value === '1' && /^ *0*1 *$/.test(cell));
    return plain(column.kind, cell) === plain(column.kind, value);
  });
}

export const cellIn = (row: Cells, name: string): Cell => row.get(name.toLowerCase()) ?? null;

/** Whether a row counts before another one with the same key. */
export function isBefore({prefer}: TableMap, source: Columns, row: Cells, other: Cells): boolean {
  for (const preference of prefer) {
    const column = source.get(preference.column.toLowerCase());
    if (column === undefined) continue;
    const [a, b] = [cellIn(row, preference.column), cellIn(other, preference.column)];
    if (preference.by === 'values') {
      const [first, second] = [a, b].map(cell => isOneOf(column, cell, preference.values));
      if (first !== second) return first === true;
      continue;
    }
    const present = (cell: Cell) => cell !== null && (column.kind !== 'moment' || isDate(cell));
    if (present(a) !== present(b)) return present(a);
    if (!present(a) || a === null || b === null) continue;
    const [left, right] = [plain(column.kind, a), plain(column.kind, b)];
    if (left === right) continue;
    const isLess = column.kind === 'integer' ? BigInt(left) < BigInt(right) : left < right;
    return preference.order === 'asc' ? isLess : !isLess;
  }
  return false;
}

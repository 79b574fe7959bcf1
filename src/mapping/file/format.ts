/** Prints a mapping in the form of a file. */
import type {Mapping, TableMap} from '../mapping.ts';
import {printDocument} from './document.ts';

/** The mapping in the form of a file, with every default written out. */
export function formatMapping({tables, labels}: Mapping): string {
  return printDocument({
    version: 1,
    counts: labels,
    tables: Object.fromEntries(tables.map(table => [table.target, tableOf(table)])),
  });
}

function tableOf(table: TableMap): object {
  return {
    from: table.source,
    label: table.label,
    key: oneOrMany(table.key),
    columns: Object.fromEntries(table.columns.map(column => [column.target, columnOf(column)])),
    where: Object.fromEntries(
      table.where.map(condition => [
        condition.column,
        condition.is === 'in' ? condition.values : condition.is,
      ]),
    ),
    parents: Object.fromEntries(table.parents.map(parent => [parent.table, oneOrMany(parent.columns)])),
    prefer: table.prefer.map(preference =>
      preference.by === 'order'
        ? {column: preference.column, order: preference.order, optional: preference.optional}
        : {column: preference.column, first: preference.values, optional: preference.optional},
    ),
    ...(table.newest === null ? {} : {newest: table.newest}),
    ...(table.ownedAs === null ? {} : {ownedAs: table.ownedAs}),
    ...(table.create.length === 0 ? {} : {create: oneOrMany(table.create)}),
  };
}

function columnOf({from, use, checks}: TableMap['columns'][number]): object {
  const check = checks.map(one => (one.check === 'maxLength' ? {maxLength: one.characters} : one.check));
  const more = check.length === 0 ? {} : {check: check.length === 1 ? check[0] : check};
  switch (use.operator) {
    case 'copy':
    case 'trim':
    case 'lower':
    case 'upper':
      return {[use.operator]: from[0], ...more};
    case 'join':
      return {join: from, with: use.with, ...more};
    case 'lookup':
      return {
        lookup: from[0],
        values: use.values,
        ...(use.otherwise === undefined ? {} : {otherwise: use.otherwise}),
        ...more,
      };
    case 'oneOf':
      return {oneOf: from[0], values: use.values, ...more};
    case 'first':
      return {first: from, ...(use.otherwise === null ? {} : {otherwise: use.otherwise}), ...more};
    case 'constant':
      return {constant: use.value, ...more};
  }
}

function oneOrMany(list: readonly string[]): string | readonly string[] {
  const [only] = list;
  return list.length === 1 && only !== undefined ? only : list;
}

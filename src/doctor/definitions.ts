/** Builds the definition of a target column for the SQL that the doctor prints. Pure. */
import type {ColumnMap, TableMap} from '../mapping/mapping.ts';
import {familyOf} from '../mapping/families.ts';
import {fittingType, textType} from '../mapping/fitting-types.ts';
import type {OperatorUse} from '../mapping/operators/operator.ts';
import {roomFor} from '../mapping/rooms.ts';
import {findColumn, type ColumnSchema, type TableSchema} from '../mapping/schema.ts';

/** Takes the definition from the mapping's own `create:`, or derives it from the types of the source columns. */
export function definitionOf(map: TableMap, column: ColumnMap, source: TableSchema | undefined): string {
  return withDefault(inStatements(map.create, column.target) ?? bySource(map, column, source));
}

/** Existing rows need a value, and a server may refuse the zero date. */
function withDefault(definition: string): string {
  const [type, fraction = ''] = /^(?:datetime|timestamp|date)\b(\(\d\))?/i.exec(definition) ?? [];
  const isFilled = !/\bnot null\b/i.test(definition) || /\bdefault\b/i.test(definition);
  if (type === undefined || isFilled) return definition;
  const value = type.toLowerCase() === 'date' ? "'1970-01-01'" : `CURRENT_TIMESTAMP${fraction}`;
  return `${definition} DEFAULT ${value}`;
}

/** Returns the definition of a column in the first CREATE TABLE that has one. */
function inStatements(create: readonly string[], name: string): string | undefined {
  for (const statement of create) {
    for (const part of partsOf(statement)) {
      const [, quoted, bare, definition] = /^(?:`((?:[^`]|``)+)`|(\S+))\s+(.+)$/s.exec(part) ?? [];
      const found = quoted?.replaceAll('``', '`') ?? bare;
      if (definition !== undefined && found?.toLowerCase() === name.toLowerCase())
        return definition.replaceAll(/\s+/g, ' ');
    }
  }
  return undefined;
}

/** Splits the content of the outermost parentheses at its commas, except those inside of quotes or parentheses. */
function partsOf(statement: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = '';
  let part = '';
  for (const character of statement) {
    if (quote !== '') quote = character === quote ? '' : quote;
    else if (character === "'" || character === '"' || character === '`') quote = character;
    else if (character === '(' && depth++ === 0) {
      part = '';
      continue;
    } else if (character === ')' && --depth === 0) break;
    else if (character === ',' && depth === 1) {
      parts.push(part.trim());
      part = '';
      continue;
    }
    part += character;
  }
  return [...parts, part.trim()];
}

const CHARACTERS = ' CHARACTER SET utf8mb4';
const TEXT = `VARCHAR(255)${CHARACTERS}`;

function bySource(map: TableMap, {target, from, use}: ColumnMap, source: TableSchema | undefined): string {
  const inputs = from.flatMap(name => (source === undefined ? [] : (findColumn(source, name) ?? [])));
  const isKey = map.key.includes(target);
  const [first] = inputs;
  switch (use.operator) {
    case 'oneOf':
      return 'BOOLEAN NOT NULL';
    case 'lookup':
    case 'constant':
      return `${TEXT} NULL`;
    case 'join':
      return `${textType(roomFor(use, inputs), false, isKey)}${CHARACTERS} NOT NULL`;
    case 'trim':
    case 'lower':
    case 'upper':
      return first === undefined ? `${TEXT} NULL` : withNulls(madeText(use, first, isKey), first, isKey);
    case 'copy':
      return first === undefined ? `${TEXT} NULL` : withNulls(like(use, first, inputs, isKey), first, isKey);
    case 'first': {
      if (first === undefined) return `${TEXT} NULL`;
      // A date that is missing counts as null.
      const mayBeNull = inputs.every(input => input.nullable || familyOf(input) === 'moment');
      return withNulls(
        like(use, first, inputs, isKey),
        {nullable: use.otherwise === null && mayBeNull},
        isKey,
      );
    }
  }
}

function madeText(use: OperatorUse, input: ColumnSchema, isKey: boolean): string {
  const isPlain = input.charset !== null && input.members === null;
  const type = isPlain ? input.columnType : textType(roomFor(use, [input]), false, isKey);
  return `${type}${CHARACTERS}`;
}

/** The type of the source, or one with room for several different columns. */
function like(
  use: OperatorUse,
  first: ColumnSchema,
  inputs: readonly ColumnSchema[],
  isKey: boolean,
): string {
  const family = familyOf(first);
  if (inputs.some(({definition}) => definition !== first.definition) && family !== undefined) {
    const shape = {column: first, family, inputs: inputs.map(schema => ({schema, family, place: 0}))};
    const fitting = fittingType(use, shape, isKey);
    return /CHAR|TEXT/.test(fitting) ? `${fitting}${CHARACTERS}` : fitting;
  }
  const type = isKey ? first.columnType.replace(/ zerofill\b/i, '') : first.columnType;
  return first.charset === null ? type : `${type}${CHARACTERS}`;
}

function withNulls(type: string, {nullable}: Pick<ColumnSchema, 'nullable'>, isKey: boolean): string {
  return `${type} ${nullable && !isKey ? 'NULL' : 'NOT NULL'}`;
}

/** Builds the definition of a target column for the SQL that the doctor prints. Pure. */
import type {ColumnMap, TableMap} from '../mapping/mapping.ts';
import type {ColumnSchema, TableSchema} from '../mapping/schema.ts';

/** Takes the definition from the mapping's own `create:`, or derives it from the types of the source columns. */
export function definitionOf(map: TableMap, column: ColumnMap, source: TableSchema | undefined): string {
  return withDefault(inStatements(map.create, column.target) ?? bySource(map, column, source));
}

/** Existing rows need a value, and a server may refuse the zero date. */
function withDefault(definition: string): string {
  const [moment, fraction = ''] = /^(?:datetime|timestamp)\b(\(\d\))?/i.exec(definition) ?? [];
  const isFilled = !/\bnot null\b/i.test(definition) || /\bdefault\b/i.test(definition);
  return moment === undefined || isFilled ? definition : `${definition} DEFAULT CURRENT_TIMESTAMP${fraction}`;
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

const TEXT = 'VARCHAR(255)';

function bySource(map: TableMap, {target, from, use}: ColumnMap, source: TableSchema | undefined): string {
  const inputs = from.flatMap(
    name => source?.columns.find(column => column.name.toLowerCase() === name.toLowerCase()) ?? [],
  );
  const [first] = inputs;
  switch (use.operator) {
    case 'oneOf':
      return 'BOOLEAN NOT NULL';
    case 'lookup':
    case 'constant':
      return `${TEXT} NULL`;
    case 'join': {
      const characters = inputs.reduce(
        (sum, {maxLength}) => sum + (maxLength ?? 255),
        use.with.length * Math.max(0, inputs.length - 1),
      );
      return characters > 16_000 ? 'MEDIUMTEXT NOT NULL' : `VARCHAR(${Math.max(1, characters)}) NOT NULL`;
    }
    case 'copy':
    case 'trim':
    case 'lower':
    case 'upper':
    case 'first':
      return first === undefined ? `${TEXT} NULL` : like(first, map.key.includes(target));
  }
}

function like({definition, charset, nullable}: ColumnSchema, isKey: boolean): string {
  const characters = charset === null ? '' : ' CHARACTER SET utf8mb4';
  return `${definition}${characters} ${nullable && !isKey ? 'NULL' : 'NOT NULL'}`;
}

/**
 * The SQL that changes the type of a column and keeps its other properties: MODIFY drops each one that it does
 * not repeat (AUTO_INCREMENT, DEFAULT, COLLATE, COMMENT, INVISIBLE, ON UPDATE). What the new type cannot have is
 * left out: a default of another kind of type would make the server refuse the statement. Pure.
 */
import {familyOf, type Family} from './families.ts';
import {quoteName} from './quote.ts';
import type {ColumnSchema} from './schema.ts';

/** The text after the type of each column in the answer of SHOW CREATE TABLE, by the column's name. */
export function clausesOf(definition: string): Map<string, string> {
  const lines = definition.matchAll(/^\s+`((?:[^`]|``)+)` (.*?),?$/gm);
  return new Map(Array.from(lines, ([, name = '', rest = '']) => [name.replaceAll('``', '`'), rest]));
}

interface Change {
  /** The character set of a text column, in its binary collation if the column has one now; by default its own. */
  readonly charset?: string | undefined;
  /** The column takes NULL afterwards. */
  readonly nullable?: boolean;
}

/**
 * Returns the statement that gives a column another type. If no server converts its values, the column is dropped
 * and added again without them.
 *
 * @param table quoted
 * @param type the new type, without a character set
 */
export function retype(table: string, column: ColumnSchema, type: string, change: Change = {}): string {
  const own = tokensOf(clauseOf(column));
  const {characters, rest} = splitCharacters(own);
  const family = familyOf({type: headOf(type)});
  const isSame = family !== undefined && family === familyOf(column);
  const kept = isSame ? adapted(rest, type, family) : ofAnotherType(rest);
  const text = family === 'text' ? charactersOf(column, isSame ? characters : [], change) : [];
  const nulls = change.nullable === true ? ['NULL'] : [];
  const others =
    change.nullable === true ? withoutNotNull(kept).filter(word => !isWord(word, 'AUTO_INCREMENT')) : kept;
  const definition = [type, ...text, ...nulls, ...others].join(' ');
  if (canCast(column, family)) return modify(table, column, definition);
  const name = quoteName(column.name);
  return `ALTER TABLE ${table} DROP COLUMN ${name}, ADD COLUMN ${name} ${definition};`;
}

/** Whether a server converts the values of a column: spatial types to none, and addresses to text only. */
function canCast(column: ColumnSchema, to: Family | undefined): boolean {
  const isAddress = /^(?:uuid|inet[46])$/.test(column.type);
  return familyOf(column) !== undefined && (!isAddress || to === 'text');
}

/** Makes a column take NULL, and keeps its other properties. */
export function nullable(table: string, column: ColumnSchema): string {
  const taking = takingNull(column);
  return modify(table, taking, [taking.columnType, clauseOf(taking)].join(' '));
}

/** The column as it is after {@link nullable}. A counter takes no null, so that it is none. */
export function takingNull(column: ColumnSchema): ColumnSchema {
  const {characters, rest} = splitCharacters(withoutNotNull(tokensOf(clauseOf(column))));
  const others = rest.filter(word => !isWord(word, 'AUTO_INCREMENT'));
  // MariaDB accepts it only before the CHECK of a JSON column.
  return {...column, nullable: true, clause: [...characters, 'NULL', ...others].join(' ')};
}

function modify(table: string, column: ColumnSchema, definition: string): string {
  return `ALTER TABLE ${table} MODIFY ${quoteName(column.name)} ${definition};`;
}

/** Falls back to information_schema if the definition could not be read. */
function clauseOf({clause, nullable: takesNull}: ColumnSchema): string {
  return clause ?? (takesNull ? 'NULL' : 'NOT NULL');
}

/** The words of a clause; a quoted text, and what is in parentheses, belongs to its word. */
function tokensOf(clause: string): string[] {
  const tokens: string[] = [];
  let token = '';
  let depth = 0;
  for (const part of clause.match(/'(?:[^'\\]|\\.|'')*'|`(?:[^`]|``)*`|./gs) ?? []) {
    if (part === '(') depth++;
    if (part === ')') depth--;
    if (part === ' ' && depth === 0) {
      if (token !== '') tokens.push(token);
      token = '';
    } else token += part;
  }
  return token === '' ? tokens : [...tokens, token];
}

/** Separates CHARACTER SET and COLLATE from the other words. */
function splitCharacters(tokens: readonly string[]): {characters: string[]; rest: string[]} {
  const characters: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const word = tokens[i]?.toUpperCase() ?? '';
    const length = word === 'CHARACTER' ? 3 : word === 'COLLATE' ? 2 : 0;
    (length > 0 ? characters : rest).push(...tokens.slice(i, i + Math.max(1, length)));
    i += Math.max(0, length - 1);
  }
  return {characters, rest};
}

function charactersOf(
  {charset: from, collation}: ColumnSchema,
  own: readonly string[],
  {charset}: Change,
): readonly string[] {
  if (charset === undefined || charset === from) return own;
  return [
    'CHARACTER',
    'SET',
    charset,
    ...(collation?.endsWith('_bin') === true ? ['COLLATE', `${charset}_bin`] : []),
  ];
}

function withoutNotNull(tokens: readonly string[]): string[] {
  const at = tokens.findIndex((word, i) => isWord(word, 'NOT') && isWord(tokens[i + 1], 'NULL'));
  return at < 0 ? [...tokens] : [...tokens.slice(0, at), ...tokens.slice(at + 2)];
}

/** Without what another type cannot have: a default, ON UPDATE, AUTO_INCREMENT, a check of JSON, a spatial system. */
function ofAnotherType(tokens: readonly string[]): string[] {
  const left: string[] = [];
  for (let i = 0; i < tokens.length; i++) {
    const word = tokens[i] ?? '';
    const isNull = isWord(word, 'DEFAULT') && isWord(tokens[i + 1], 'NULL');
    if (!isNull && (isWord(word, 'DEFAULT') || isWord(word, 'CHECK'))) i += 1;
    else if (isWord(word, 'ON') && isWord(tokens[i + 1], 'UPDATE')) i += 2;
    else if (word.startsWith('/*!') && isWord(tokens[i + 1], 'SRID')) i += 3;
    else if (!isWord(word, 'AUTO_INCREMENT')) left.push(word);
  }
  return left;
}

const NOW = /^(?:current_timestamp|now)(?:\(\d?\))?$/i;
const LITERAL = /^(?:_\w+)?'/;

/** The same words for another type of the same family. */
function adapted(tokens: readonly string[], type: string, family: Family): string[] {
  const head = headOf(type);
  if (family === 'moment') {
    if (head === 'date' && tokens.some(word => NOW.test(word))) return ofAnotherType(tokens);
    const [, digits = ''] = /^\w+(\(\d\))/.exec(type) ?? [];
    return tokens.map(word => (NOW.test(word) ? `CURRENT_TIMESTAMP${digits}` : word));
  }
  // MySQL takes no literal as the default of these types, but an expression.
  const isLong = /text|blob|json/.test(head);
  return tokens.map((word, i) =>
    isLong && isWord(tokens[i - 1], 'DEFAULT') && LITERAL.test(word) ? `(${word})` : word,
  );
}

function headOf(type: string): string {
  return /^\w+/.exec(type)?.[0].toLowerCase() ?? '';
}

function isWord(word: string | undefined, wanted: string): boolean {
  return word?.toUpperCase() === wanted;
}

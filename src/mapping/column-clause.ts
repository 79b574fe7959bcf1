/**
 * The SQL that changes the type of a column and keeps its other properties: MODIFY drops each one that it does
 * not repeat (AUTO_INCREMENT, DEFAULT, COLLATE, COMMENT, INVISIBLE, ON UPDATE). Pure.
 */
import {quoteName} from './quote.ts';
import type {ColumnSchema} from './schema.ts';

const CHARACTERS = /^(?:\s+CHARACTER SET \w+)?(?:\s+COLLATE \w+)?/i;
const TEXT_TYPE = /char|text|enum|set/i;

/** The text after the type of each column in the answer of SHOW CREATE TABLE, by the column's name. */
export function clausesOf(definition: string): Map<string, string> {
  const lines = definition.matchAll(/^\s+`((?:[^`]|``)+)` (.*?),?$/gm);
  return new Map(Array.from(lines, ([, name = '', rest = '']) => [name.replaceAll('``', '`'), rest]));
}

/**
 * @param table quoted
 * @param type the new type, without a character set
 */
export function retype(table: string, column: ColumnSchema, type: string): string {
  return modify(
    table,
    column,
    `${type}${TEXT_TYPE.test(type) ? clauseOf(column) : withoutCharacters(column)}`,
  );
}

/** Like {@link retype}, for text: another character set, with its binary collation if the column has one now. */
export function recode(table: string, column: ColumnSchema, charset: string): string {
  const collation = column.collation?.endsWith('_bin') === true ? ` COLLATE ${charset}_bin` : '';
  return modify(
    table,
    column,
    `${column.columnType} CHARACTER SET ${charset}${collation}${withoutCharacters(column)}`,
  );
}

/** Makes a column take NULL, and keeps its other properties. */
export function nullable(table: string, column: ColumnSchema): string {
  const clause = clauseOf(column).replace(/ NOT NULL/i, '');
  return modify(table, column, `${column.columnType}${clause} NULL`);
}

function modify(table: string, column: ColumnSchema, definition: string): string {
  return `ALTER TABLE ${table} MODIFY ${quoteName(column.name)} ${definition};`;
}

function withoutCharacters(column: ColumnSchema): string {
  return clauseOf(column).replace(CHARACTERS, '');
}

/** Falls back to information_schema if the definition could not be read. */
function clauseOf({clause, nullable}: ColumnSchema): string {
  return clause ?? (nullable ? ' NULL' : ' NOT NULL');
}

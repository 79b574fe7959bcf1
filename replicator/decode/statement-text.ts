/** Analyses the text of statements: comments, and the clauses of ALTER TABLE that leave rows unchanged. Pure. */

/** Enough characters for the comments that tools write before a statement. */
const HEAD_CHARACTERS = 4096;
/** A longer ALTER TABLE is not analysed. */
const MAX_ALTER_CHARACTERS = 65_536;

/** Comments before the first word, as tools and the server itself write them, and opening parentheses. */
const LEADING_COMMENTS = /^(?:\s+|\(|\/\*(?!M?!)[\s\S]*?\*\/|(?:--\s|--$|#).*(?:\n|$))+/;
const CONDITIONAL_COMMENT = /^\/\*M?!\d*/;

/**
 * Returns the beginning of a statement, from its first word on.
 *
 * @returns `isConditional` if that word is in a comment that only some servers execute
 */
export function withoutLeadingComments(sql: string): {text: string; isConditional: boolean} {
  let text = sql.slice(0, HEAD_CHARACTERS).replace(LEADING_COMMENTS, '');
  let isConditional = text === '' && sql.length > HEAD_CHARACTERS;
  while (CONDITIONAL_COMMENT.test(text)) {
    isConditional = true;
    text = text.replace(CONDITIONAL_COMMENT, '').replace(LEADING_COMMENTS, '');
  }
  return {text, isConditional};
}

/** Strings, quoted names and comments. */
const QUOTED = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\/\*[\s\S]*?\*\/|(?:--\s|#)[^\n]*/g;
const HEAD =
  /^\s*ALTER\s+(?:ONLINE\s+)?TABLE\s+(?:IF\s+EXISTS\s+)?[^\s.,(]+(?:\s*\.\s*[^\s.,(]+)?\s+(?:NOWAIT\s+|WAIT\s+\d+\s+)?/i;
const CLAUSE =
  /^(?:(?:ADD|MODIFY|CHANGE|ALTER)\b|DROP\s+(?!FOREIGN\b|CONSTRAINT\b)|RENAME\s+(?:COLUMN|INDEX|KEY)\b|(?:COMMENT|AUTO_INCREMENT|ALGORITHM|LOCK|ROW_FORMAT|ENGINE|STATS_\w+)\b|(?:ENABLE|DISABLE)\s+KEYS|FORCE\s*$)/i;
/** Words that mean a change of rows wherever they are, because these clauses may follow others without a comma. */
const TAKES_ROWS =
  /\b(?:IGNORE|PARTITION\w*|CONVERT|ORDER\s+BY|DISCARD|IMPORT|EXCHANGE|TRUNCATE|VERSIONING|PERIOD|UNION|SELECT)\b|\bENGINE\b(?!\s*=?\s*InnoDB\b)/i;

/**
 * Whether every clause of an ALTER TABLE leaves the rows of the table unchanged, except for the columns that it
 * names. Dropping a foreign key does not count: its earlier cascades are not in the log.
 */
export function keepsRows(sql: string): boolean {
  // Whether a backslash escapes depends on the session's sql_mode.
  if (sql.length > MAX_ALTER_CHARACTERS || sql.includes('\\') || /\/\*M?!/.test(sql)) return false;
  const plain = sql.replace(QUOTED, match => (/^(?:\/\*|--|#)/.test(match) ? ' ' : "''"));
  const head = HEAD.exec(plain);
  if (head === null || TAKES_ROWS.test(plain)) return false;
  return clauses(plain.slice(head[0].length)).every(clause => CLAUSE.test(clause));
}

/** Splits the text at the commas outside of parentheses. */
function clauses(text: string): string[] {
  const found = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) found.push('');
    else found[found.length - 1] = `${found.at(-1) ?? ''}${character}`;
  }
  return found.map(clause => clause.trim());
}

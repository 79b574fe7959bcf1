/** The text of statements: its comments, and which clauses of ALTER TABLE leave the rows as they are. Pure. */

/** Enough for the comments that tools write before a statement. */
const HEAD_CHARACTERS = 4096;
/** A longer ALTER TABLE is not looked through. */
const MAX_ALTER_CHARACTERS = 65_536;

/** Comments before the first word, as tools and the server itself write them, and opening parentheses. */
const LEADING_COMMENTS = /^(?:\s+|\(|\/\*(?!M?!)[\s\S]*?\*\/|(?:--\s|--$|#).*(?:\n|$))+/;
const CONDITIONAL_COMMENT = /^\/\*M?!\d*/;

/**
 * The beginning of a statement, from its first word on.
 *
 * @returns `isConditional` where that word stands in a comment that only some servers execute
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
/** Words that stand for a change of rows wherever they are: these clauses may follow others without a comma. */
const TAKES_ROWS =
  /\b(?:IGNORE|PARTITION\w*|CONVERT|ORDER\s+BY|DISCARD|IMPORT|EXCHANGE|TRUNCATE|VERSIONING|PERIOD|UNION|SELECT)\b|\bENGINE\b(?!\s*=?\s*InnoDB\b)/i;

/**
 * Whether every clause of an ALTER TABLE is one that leaves the rows of the table as they are, but for the
 * columns that it names. Not where a foreign key goes: what its cascades did before is not in the log.
 */
export function keepsRows(sql: string): boolean {
  // A backslash ends a string or does not, by the session's sql_mode.
  if (sql.length > MAX_ALTER_CHARACTERS || sql.includes('\\') || /\/\*M?!/.test(sql)) return false;
  const plain = sql.replace(QUOTED, match => (/^(?:\/\*|--|#)/.test(match) ? ' ' : "''"));
  const head = HEAD.exec(plain);
  if (head === null || TAKES_ROWS.test(plain)) return false;
  return clauses(plain.slice(head[0].length)).every(clause => CLAUSE.test(clause));
}

/** Split at the commas outside of parentheses. */
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

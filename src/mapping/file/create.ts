/** Checks a `create:` statement: `migrate` runs it, and expects the target table afterwards. Pure. */

/** Quoted texts and names, and comments. */
const TOKENS =
  /('(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`)|\/\*.*?\*\/|--(?:[\t ][^\n]*|(?=\n|$))|#[^\n]*/gs;
const NAME = /`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\w$\u{80}-\u{10ffff}]+/u.source;
const CREATE = new RegExp(
  String.raw`^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:(TEMPORARY)\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:(${NAME})\s*\.\s*)?(${NAME})`,
  'iu',
);

/** @returns why the statement does not create this table; null if it does, as far as its beginning shows */
export function createFault(statement: string, target: string): string | null {
  const plain = statement.replaceAll(TOKENS, (_, quoted?: string) => quoted ?? ' ');
  const [found, temporary, database, table] = CREATE.exec(plain) ?? [];
  if (found === undefined || table === undefined)
    return `is not a statement that creates the table '${target}'; it begins with CREATE TABLE`;
  if (temporary !== undefined)
    return `creates a temporary table, which is dropped at once; leave TEMPORARY out`;
  if (database !== undefined)
    return `creates the table in the database '${unquoted(database)}'; leave that name out, since the target's database is a setting`;
  if (unquoted(table) !== target)
    return `creates the table '${unquoted(table)}', and the target table is '${target}'; write the same name in both`;
  return /;\s*\S/.test(plain.replaceAll(TOKENS, 'quoted'))
    ? 'holds several statements; only the one that creates the table can be written here'
    : null;
}

function unquoted(name: string): string {
  const quote = name[0] ?? '';
  return quote === '`' || quote === '"' ? name.slice(1, -1).replaceAll(quote + quote, quote) : name;
}

/**
 * An edit names its place by file and declaration, and the code there that it changes. It survives changes that
 * move the place within its file, wrap its lines, or add the same code elsewhere. An anchor in a comment of the
 * program would survive more, but would stand there for the mutants alone.
 */

/** The name of the declaration is of a function, method, constant or key; null stands for the whole file. */
export type Edit = readonly [file: string, declaration: string | null, from: string, to: string];

/** @throws Error unless the code is exactly once in the declarations of this name */
export function mutate(source: string, [file, declaration, from, to]: Edit): string {
  const pattern = new RegExp(patternOf(from), 'g');
  const regions = declaration === null ? [{start: 0, end: source.length}] : regionsOf(source, declaration);
  const found = [...source.matchAll(pattern)].filter(({index, 0: text}) =>
    regions.some(({start, end}) => index >= start && index + text.length <= end),
  );
  const [match] = found;
  if (match === undefined || found.length > 1) {
    const place = declaration === null ? file : `${declaration} in ${file}`;
    throw new Error(`${place} holds ${JSON.stringify(from)} ${found.length} times, and not once`);
  }
  return source.slice(0, match.index) + to + source.slice(match.index + match[0].length);
}

/** Matches the same tokens, however their lines are wrapped; a wrapped list ends with a comma. */
function patternOf(code: string): string {
  const tokens = code.match(/\w+|[^\w\s]/g) ?? [];
  const escaped = (token: string) => token.replace(/[\\^$.*+?()[\]{}|]/, String.raw`\$&`);
  const isWord = (token: string | undefined) => /^\w/.test(token ?? '');
  return tokens
    .map((token, i) => {
      const before = tokens[i - 1];
      if (before === undefined) return escaped(token);
      const comma = /^[)\]}]/.test(token) && isWord(before) ? ',?' : '';
      const space = isWord(token) && isWord(before) ? String.raw`\s+` : String.raw`\s*`;
      return comma + space + escaped(token);
    })
    .join('');
}

interface Region {
  readonly start: number;
  readonly end: number;
}

/** The lines of each declaration of this name. The formatter indents what is inside of a declaration. */
function regionsOf(source: string, name: string): Region[] {
  const lines = source.split('\n');
  const starts: number[] = [];
  let length = 0;
  for (const line of lines) {
    starts.push(length);
    length += line.length + 1;
  }
  const quoted = name.replaceAll('$', String.raw`\$`);
  const declares = new RegExp(
    String.raw`^ *(?:(?:export|async|function|function\*|class|const|let|static|readonly|get|set|type|interface) )*\*?'?${quoted}(?:'|(?![\w-]))`,
  );
  return lines.flatMap((line, i) => {
    if (!declares.test(line)) return [];
    const indent = indentOf(line);
    const next = lines.findIndex((later, j) => j > i && isBeyond(later, indent));
    return [{start: starts[i] ?? 0, end: next < 0 ? length : (starts[next] ?? length)}];
  });
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}

/** Whether a line comes after a declaration that is indented like this. */
function isBeyond(line: string, indent: number): boolean {
  return line.trim() !== '' && indentOf(line) <= indent && !/^ *[)\]}]/.test(line);
}

/** The parser's errors in plain words: it speaks of implicit keys, compact mappings and flow collections. */

export const TAG = 'a tag is not supported; quote a text instead';

const INDENT = 'the line is not indented like the others of its object; use the same number of spaces';
const COLON = 'a line is not `name: value`; write a colon and a space behind the name';
const UNEXPECTED =
  'something here does not belong to the value before it; put a text with such characters in quotes';

const MESSAGES: Readonly<Record<string, string>> = {
  ALIAS_PROPS: 'an alias (*name) cannot have an anchor or a tag',
  BAD_ALIAS:
    'a text that begins with * or & needs quotes; otherwise it is an alias or an anchor, with a name',
  BAD_COLLECTION_TYPE: TAG,
  BAD_DIRECTIVE: 'a line that begins with % is not supported',
  BAD_DQ_ESCAPE: 'this character cannot follow a backslash in double quotes; use single quotes',
  BAD_INDENT: INDENT,
  BAD_PROP_ORDER: UNEXPECTED,
  BAD_SCALAR_START: 'a text that begins with this character needs quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a value of this line holds a colon or a list; put a text in quotes, or begin a new line',
  BLOCK_IN_FLOW: 'an object or a list inside of { } or [ ] is written with { } or [ ], too',
  DUPLICATE_KEY: 'a key occurs twice',
  IMPOSSIBLE: 'the text is not YAML here',
  KEY_OVER_1024_CHARS: 'a name is followed by a colon in the same line',
  MISSING_CHAR: UNEXPECTED,
  MULTILINE_IMPLICIT_KEY: COLON,
  MULTIPLE_ANCHORS: 'a value has one anchor at most',
  MULTIPLE_DOCS: 'the file has several documents, and a mapping is one',
  MULTIPLE_TAGS: TAG,
  NON_STRING_KEY: 'a key must be a text',
  RESOURCE_EXHAUSTION: 'the values are nested too deeply',
  TAB_AS_INDENT: 'a tab cannot indent a line; use spaces',
  TAG_RESOLVE_FAILED: TAG,
  UNEXPECTED_TOKEN: UNEXPECTED,
};

export interface SyntaxFault {
  readonly message: string;
  readonly offset: number;
}

/** An error of the parser: its code, and where it begins. */
interface SyntaxError {
  readonly code: string;
  readonly pos: readonly [number, number];
}

/** A quoted text or a value in brackets that is not closed, and where it begins. */
export interface Unclosed {
  readonly kind: 'quote' | 'bracket';
  readonly offset: number;
}

/**
 * Returns the first error of a text that is not YAML, because the others follow from it, and every tag.
 *
 * @param unclosedAt finds what should have been closed before an offset, where the parser stops looking for its end
 */
export function syntaxFaults(
  errors: readonly SyntaxError[],
  unclosedAt: (offset: number) => Unclosed | null,
): SyntaxFault[] {
  const all = errors.toSorted((a, b) => a.pos[0] - b.pos[0]);
  // A value that is nested too deeply has a fault at each of its leaves.
  const tooDeep = all.find(({code}) => code === 'RESOURCE_EXHAUSTION');
  const tags = all.filter(({code}) => MESSAGES[code] === TAG);
  const first = all.find(({code}) => MESSAGES[code] !== TAG);
  const shown = tooDeep === undefined ? [...(first === undefined ? [] : [first]), ...tags] : [tooDeep];
  return shown.map(({code, pos: [offset]}) => {
    const open = code === 'MISSING_CHAR' || code === 'BAD_INDENT' ? unclosedAt(offset) : null;
    if (open === null) return {message: MESSAGES[code] ?? 'the text is not YAML here', offset};
    const message =
      open.kind === 'quote'
        ? 'the quote that begins here is not closed'
        : 'the { or [ that begins here is not closed';
    return {message, offset: open.offset};
  });
}

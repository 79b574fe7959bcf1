/** Any change of a mapping file leaves a mapping, or is refused with the line of the fault. */
import {readFileSync} from 'node:fs';
import {fc} from '../../helpers/draws.ts';
import {describe, expect, it} from 'vitest';
import {isMap, isSeq, parseDocument, Scalar, type Document, type YAMLMap, type YAMLSeq} from 'yaml';
import {SyncError} from '../../../src/errors.ts';
import {formatMapping} from '../../../src/mapping/file/format.ts';
import {parseMapping} from '../../../src/mapping/file/read.ts';

const BUILT_IN = readFileSync(new URL('../../../mappings/laas.yaml', import.meta.url), 'utf8');
/** Enough for each run of the tests; set more by hand. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 25);
const WORDS = BUILT_IN.match(/[A-Za-z_]+/g) ?? [];

/** @throws any error that is not a refusal with a line */
function check(text: string): void {
  try {
    const mapping = parseMapping(text, 'm.yaml');
    expect(parseMapping(formatMapping(mapping), 'printed')).toEqual(mapping);
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    expect(error.code).toBe('config-invalid');
    const [head, ...faults] = error.message.split('\n');
    expect(head).toBe('the mapping is not usable:');
    expect(faults.length).toBeGreaterThan(0);
    for (const fault of faults) expect(fault).toMatch(/^(?:m\.yaml:[1-9]\d*:[1-9]\d*: .*\S|and \d+ more)/u);
  }
}

const PIECES =
  '&a |*a|*b |!!binary |!x |<<: |---\n|...\n|%YAML 1.1\n|{|}|[|]|: |- |? |>\n|"|\'|\t|\n|\r|\0|\ufeff|\ud800|#|, |@|`|  '.split(
    '|',
  );

type Collection = YAMLMap | YAMLSeq;

function collectionsOf(document: Document.Parsed): Collection[] {
  const found: Collection[] = [];
  const visit = (node: unknown) => {
    if (isMap(node) || isSeq(node)) found.push(node);
    if (isMap(node)) for (const {value} of node.items) visit(value);
    if (isSeq(node)) node.items.forEach(visit);
  };
  visit(document.contents);
  return found;
}

const SCALARS = fc.oneof(
  fc.constantFrom(...WORDS, 'not null', '__proto__', 'constructor', 'toString', '<<', '', ' ', 'null', '~'),
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1.5,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2n ** 64n,
  ),
  fc.constantFrom<unknown>([], {}, [[]], [null], {a: 1}, {copy: null}, {lookup: 'a', values: {}}, [
    1,
    '1',
    true,
  ]),
  fc.string({unit: 'binary', maxLength: 80}),
);

interface Change {
  readonly kind: 'drop' | 'double' | 'rename' | 'retype' | 'insert' | 'swap';
  readonly where: number;
  readonly item: number;
  readonly value: unknown;
}

const CHANGES: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('drop', 'double', 'rename', 'retype', 'insert', 'swap'),
  where: fc.nat(),
  item: fc.nat(),
  value: SCALARS,
});

function change(document: Document.Parsed, {kind, where, item, value}: Change): void {
  const all = collectionsOf(document);
  const into = all[where % Math.max(all.length, 1)];
  if (into === undefined) return;
  const items: unknown[] = into.items;
  const at = item % Math.max(items.length, 1);
  const made = document.createNode(value);
  const pair = isMap(into) ? into.items[at] : undefined;
  if (kind === 'drop') items.splice(at, 1);
  else if (kind === 'double' && items.length > 0) items.push(items[at]);
  else if (kind === 'rename' && pair !== undefined)
    pair.key = typeof value === 'object' ? new Scalar('x') : made;
  else if (kind === 'insert' && isMap(into)) items.push(document.createPair(String(value), value));
  else if (kind === 'swap' && pair !== undefined)
    pair.value = all[(where + item) % all.length] === into ? made : null;
  else if (pair !== undefined) pair.value = made;
  else if (isSeq(into)) items[at] = made;
}

describe('a mapping file', () => {
  it('with changed values is a mapping or is refused with a line', () => {
    fc.assert(
      fc.property(fc.array(CHANGES, {minLength: 1, maxLength: 4}), changes => {
        const document = parseDocument(BUILT_IN);
        for (const one of changes) change(document, one);
        check(document.toString({directives: false, verifyAliasOrder: false}));
      }),
      {numRuns: RUNS},
    );
  });

  it('with changed text is a mapping or is refused with a line', () => {
    const pieces = fc.constantFrom(...PIECES);
    fc.assert(
      fc.property(
        fc.array(fc.record({at: fc.nat(), cut: fc.nat({max: 30}), text: fc.oneof(pieces, fc.string())}), {
          minLength: 1,
          maxLength: 5,
        }),
        edits => {
          check(
            edits.reduce((text, {at, cut, text: piece}) => {
              const start = at % text.length;
              return text.slice(0, start) + piece + text.slice(start + cut);
            }, BUILT_IN),
          );
        },
      ),
      {numRuns: RUNS},
    );
  });

  it('of the text of another kind of file is refused with a line', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({unit: 'binary'}),
          fc.json(),
          fc.string().map(text => `a: ${text}`),
        ),
        check,
      ),
      {numRuns: RUNS},
    );
  });
});

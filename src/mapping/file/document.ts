/**
 * The text of a mapping file as plain values, with the place of each. The only importer of yaml.
 *
 * The parser is more lenient than a mapping may be: it ignores tags that it does not know, resolves an alias
 * as often as it is written, and keeps one of two equal keys. So this file builds the values, from its nodes.
 */
import {isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, stringify, type Document} from 'yaml';
import {Decimal} from './decimal.ts';
import type {FileFault, FilePath, Place} from './faults.ts';
import {syntaxFaults, TAG, type Unclosed} from './syntax.ts';

export interface MappingDocument {
  /** Objects, lists and scalars. A whole number that JavaScript cannot hold is a bigint, one with a point a {@link Decimal}. */
  readonly value: unknown;
  /** If there are any, the value must not be used. */
  readonly faults: readonly FileFault[];
  /** The place where the value of a path begins; for a path that does not exist, that of its nearest ancestor. */
  readonly placeOf: (path: FilePath) => Place;
}

/** A mapping is five levels deep. */
const MAX_DEPTH = 50;
/** How many values aliases may expand to, so that a short text cannot become an endless one. */
const MAX_ALIASED = 50_000;
/** Characters that a text editor does not show. */
// oxlint-disable-next-line no-control-regex -- the expression finds them
const UNPRINTABLE = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\ufffe\uffff]|\p{Surrogate}/u;

/** @param written with any line ends, and with or without a byte order mark */
export function readDocument(written: string): MappingDocument {
  const text = written.replace(/^\ufeff/, '').replaceAll(/\r\n?/g, '\n');
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const {line, col} = lines.linePos(offset);
    return {line: Math.max(line, 1), col: Math.max(col, 1)};
  };
  const unusable = (message: string, at: Place): MappingDocument => ({
    value: null,
    faults: [{path: [], message, at}],
    placeOf: () => at,
  });
  const unprintable = text.search(UNPRINTABLE);
  if (unprintable >= 0) {
    const before = text.slice(0, unprintable).split('\n');
    const code = text.codePointAt(unprintable)?.toString(16).toUpperCase().padStart(4, '0') ?? '';
    const at = {line: before.length, col: (before.at(-1)?.length ?? 0) + 1};
    return unusable(`the character U+${code} is not allowed in a mapping file`, at);
  }
  let document: Document.Parsed;
  try {
    document = parseDocument(text, {
      lineCounter: lines,
      intAsBigInt: true,
      prettyErrors: false,
      // The parser would compare each key with all before it. Keys are compared below.
      uniqueKeys: false,
    });
  } catch {
    return unusable('the text cannot be read as YAML', {line: 1, col: 1});
  }
  const places = once(() => placesOf(document.contents));
  const placeOf = (path: FilePath): Place => {
    for (let length = path.length; length >= 0; length--) {
      const offset = places().get(path.slice(0, length).join('\0'));
      if (offset !== undefined) return placeAt(offset);
    }
    return {line: 1, col: 1};
  };
  // A tag or a directive that the parser does not know is a warning, and a mapping has none.
  const wrong = syntaxFaults([...document.errors, ...document.warnings], offset =>
    unclosedAt(document.contents, text, offset),
  );
  if (wrong.length > 0) {
    const faults = wrong.map(({message, offset}) => ({path: [], message, at: placeAt(offset)}));
    return {value: null, faults, placeOf};
  }
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2')
    return unusable('the file must be YAML 1.2', {line: 1, col: 1});
  const values = new Values(placeAt);
  const value = values.of(document.contents, 0, false);
  return {value, faults: values.faults, placeOf};
}

/** @param value of objects, lists and scalars */
export function printDocument(value: object): string {
  return stringify(value, {aliasDuplicateObjects: false});
}

/** Makes the values of nodes. */
class Values {
  readonly faults: FileFault[] = [];
  readonly #placeAt: (offset: number) => Place;
  /** The value of each anchor and how many values it holds; null while it is being made. */
  readonly #anchors = new Map<string, {readonly value: unknown; readonly size: number} | null>();
  #size = 0;
  #aliased = 0;
  #isTooDeep = false;

  constructor(placeAt: (offset: number) => Place) {
    this.#placeAt = placeAt;
  }

  /** @param isLookup the keys are values of a `lookup` */
  of(node: unknown, depth: number, isLookup: boolean): unknown {
    this.#size++;
    if (isAlias(node)) return this.#alias(node);
    if (!isScalar(node) && !isMap(node) && !isSeq(node)) return null;
    if (node.tag !== undefined) this.#fault(node, TAG);
    if (node.anchor === undefined) return this.#content(node, depth, isLookup);
    const before = this.#size;
    this.#anchors.set(node.anchor, null);
    const value = this.#content(node, depth, isLookup);
    this.#anchors.set(node.anchor, {value, size: this.#size - before + 1});
    return value;
  }

  #content(node: unknown, depth: number, isLookup: boolean): unknown {
    if (isScalar(node)) return this.#scalar(node);
    if (depth > MAX_DEPTH) {
      if (!this.#isTooDeep) this.#fault(node, 'the values are nested too deeply');
      this.#isTooDeep = true;
      return null;
    }
    if (isSeq(node)) return node.items.map(item => this.of(item, depth + 1, false));
    if (!isMap(node)) return null;
    const entries = new Map<string, unknown>();
    for (const {key, value} of node.items) {
      const name = this.#key(key, value, isLookup);
      if (name !== null && entries.has(name))
        this.#fault(key, `the key '${name}' occurs twice, and keys must be unique`);
      const made = this.of(value, depth + 1, name === 'values');
      if (name !== null) entries.set(name, made);
    }
    return Object.fromEntries(entries);
  }

  /** @param of the value of the key, whose place is that of a key without characters */
  #key(node: unknown, of: unknown, isLookup: boolean): string | null {
    if (node !== null && !isScalar(node)) {
      this.#fault(node, 'a key must be a text');
      return null;
    }
    // This also records an anchor and reports a tag.
    const value = this.of(node, 0, false);
    const name = keyOf(value, isLookup);
    if (value === null && !isLookup && (node === null || node.source === ''))
      this.#fault(offsetOf(of) === undefined ? node : of, 'a name is missing before the colon');
    const isPlain = node !== null && node.type === 'PLAIN';
    if (name === '<<' && isPlain) this.#fault(node, 'a merge (<<) is not supported; write the lines again');
    // Every JavaScript object already has this key.
    if (name === '__proto__') this.#fault(node, `the name '${name}' is not supported`);
    return name;
  }

  #alias(node: {readonly source: string}): unknown {
    const anchor = this.#anchors.get(node.source);
    if (anchor === undefined || anchor === null) {
      this.#fault(
        node,
        anchor === null
          ? `the alias *${node.source} is inside of its own anchor`
          : `nothing before the alias *${node.source} has the anchor &${node.source}`,
      );
      return null;
    }
    const wasTooMany = this.#aliased > MAX_ALIASED;
    this.#aliased += anchor.size;
    this.#size += anchor.size;
    if (this.#aliased <= MAX_ALIASED) return anchor.value;
    if (!wasTooMany) this.#fault(node, `the aliases expand to more than ${MAX_ALIASED} values`);
    return null;
  }

  #scalar(node: {readonly value: unknown; readonly source?: string | undefined}): unknown {
    const {value} = node;
    if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value;
    if (isDecimal(node)) return new Decimal(node.source);
    if (typeof value === 'string' && /\p{Surrogate}/u.test(value))
      this.#fault(node, 'the text holds half of a character');
    return value;
  }

  #fault(node: unknown, message: string): void {
    this.faults.push({path: [], message, at: this.#placeAt(offsetOf(node) ?? 0)});
  }
}

function isDecimal(node: {
  readonly value: unknown;
  readonly source?: string | undefined;
}): node is {readonly value: number; readonly source: string} {
  return typeof node.value === 'number' && /^-?\d+\.\d+$/.test(node.source ?? '');
}

/** A key of an object. In a `lookup`, true and false are the values that servers have for them, and null is the empty text. */
function keyOf(value: unknown, isLookup: boolean): string {
  if (value === null || value === undefined) return isLookup ? '' : 'null';
  if (value instanceof Decimal) return value.text;
  return isLookup && typeof value === 'boolean' ? String(Number(value)) : String(value);
}

function offsetOf(node: unknown): number | undefined {
  const isNode = typeof node === 'object' && node !== null && 'range' in node;
  const range: unknown = isNode ? node.range : undefined;
  return Array.isArray(range) ? Number(range[0]) : undefined;
}

/** The innermost quoted text, or value in brackets, that begins before an offset and has not ended there. */
function unclosedAt(node: unknown, text: string, offset: number): Unclosed | null {
  const isQuoted = isScalar(node) && (node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE');
  const isNested = isMap(node) || isSeq(node);
  const [start = offset, end = 0] = (isQuoted || isNested ? node.range : null) ?? [];
  if (start >= offset || end < offset) return null;
  const last = text[end - 1] ?? '';
  if (isQuoted) return last === text[start] && end > start + 1 ? null : {kind: 'quote', offset: start};
  const items = isMap(node)
    ? node.items.flatMap(({key, value}) => [key, value])
    : isSeq(node)
      ? node.items
      : [];
  for (const item of items) {
    const inner = unclosedAt(item, text, offset);
    if (inner !== null) return inner;
  }
  return isNested && node.flow === true && last !== '}' && last !== ']'
    ? {kind: 'bracket', offset: start}
    : null;
}

/** Where each value begins, by its path. */
function placesOf(contents: unknown): Map<string, number> {
  const places = new Map<string, number>();
  const visit = (node: unknown, path: string, lookup: boolean) => {
    const at = offsetOf(node);
    if (at !== undefined && !places.has(path)) places.set(path, at);
    const inside = (name: string) => (path === '' ? name : `${path}\0${name}`);
    if (isSeq(node)) node.items.forEach((item, i) => visit(item, inside(String(i)), false));
    if (!isMap(node)) return;
    for (const {key, value} of node.items) {
      const name =
        isScalar(key) && isDecimal(key) ? key.source : keyOf(isScalar(key) ? key.value : key, lookup);
      visit(value ?? key, inside(name), name === 'values');
    }
  };
  visit(contents, '', false);
  return places;
}

function once<T>(make: () => T): () => T {
  let made: {readonly value: T} | undefined;
  return () => (made ??= {value: make()}).value;
}

/**
 * JSON as text, where a number is more than a double. MySQL's JSON holds 64-bit integers, doubles and decimals; its
 * parser makes no decimals, so that `1.50`, from a function such as JSON_OBJECT, would become 1.5. Pure.
 */

/** Numbers, the beginnings of strings, and what frames them; a colon and a word tell nothing here. */
const TOKENS = /-?\d[\d.eE+-]*|[{}[\],"]/g;
const [QUOTE, BACKSLASH] = [34, 92];
/** Only a number with a zero at its end, with more digits than each double keeps, or near 0 can be a decimal. */
const MAY_HAVE_DECIMALS = /\.\d+0(?!\d)|[\d.]{16}|0\.0000/;
const NUMBER = /^(-?)(\d+)(?:\.(\d+))?(?:e([-+]?\d+))?$/;
const FIXED = /^-?(\d+)(?:\.(\d+))?$/;
/** The limits of DECIMAL. */
const MOST_DIGITS = 65;
const MOST_BEHIND_POINT = 30;
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 64n - 1n];
/** Between these, a server prints a double without an exponent. */
const [SMALLEST_FIXED, LARGEST_FIXED] = [1e-4, 1e15];

/** A number that MySQL's parser would change, and its place as a JSON path. */
export interface Decimal {
  readonly path: string;
  readonly number: string;
}

/** One text for all documents that MySQL considers equal. MariaDB keeps a document as it was given. */
export function canonicalJson(text: string): string {
  if (!isJson(text)) return text;
  let exact = '';
  let copied = 0;
  for (const {token, at} of tokensOf(text)) {
    if (isFrame(token)) continue;
    const value = token.startsWith('"') ? `"s${token.slice(1)}` : `"n${canonicalNumber(token)}"`;
    exact += text.slice(copied, at) + value;
    copied = at + token.length;
  }
  return JSON.stringify(sorted(JSON.parse(exact + text.slice(copied))));
}

/** The strings and the numbers of a document, and its brackets and commas. */
function* tokensOf(text: string): Generator<{token: string; at: number}> {
  const pattern = new RegExp(TOKENS);
  for (let found = pattern.exec(text); found !== null; found = pattern.exec(text)) {
    const at = found.index;
    // A pattern for a whole string would need a stack as long as the string has escapes.
    if (found[0] === '"') pattern.lastIndex = endOfString(text, at);
    yield {token: text.slice(at, pattern.lastIndex), at};
  }
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

function isFrame(token: string): boolean {
  return '{}[],'.includes(token);
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The decimals of a document; of members with the same name, the last one counts. */
export function decimalsIn(text: string): readonly Decimal[] {
  if (!MAY_HAVE_DECIMALS.test(text) || !isJson(text)) return [];
  const root = placeOf('$', null);
  const places = [root];
  for (const {token} of tokensOf(text)) {
    const place = places.at(-1) ?? root;
    if (token === '{') places.push(placeOf(pathOf(place), 'object'));
    else if (token === '[') places.push(placeOf(pathOf(place), 'array'));
    else if (token === '}' || token === ']') {
      places.pop();
      const outer = places.at(-1) ?? root;
      outer.decimals.set(outer.at, [...place.decimals.values()].flat());
    } else if (token === ',') place.at = typeof place.at === 'number' ? place.at + 1 : null;
    else if (token.startsWith('"')) nameMember(place, token);
    else if (isDecimal(token)) place.decimals.set(place.at, [{path: pathOf(place), number: token}]);
  }
  return [...root.decimals.values()].flat();
}

/** Where the next value stands: in the root, in an object or in an array. */
interface Place {
  readonly path: string;
  readonly isObject: boolean;
  /** The name or the index of the next value; null before a name, and in the root. */
  at: string | number | null;
  /** The decimals in each value so far. */
  readonly decimals: Map<string | number | null, readonly Decimal[]>;
}

function placeOf(path: string, kind: 'object' | 'array' | null): Place {
  return {path, isObject: kind === 'object', at: kind === 'array' ? 0 : null, decimals: new Map()};
}

function pathOf({path, at}: Place): string {
  if (at === null) return path;
  return typeof at === 'number' ? `${path}[${at}]` : `${path}.${at}`;
}

/** A text is a name where an object waits for one; elsewhere it is a value. */
function nameMember(place: Place, token: string): void {
  if (!place.isObject || place.at !== null) return;
  place.at = JSON.stringify(JSON.parse(token));
  // A value before it with the same name does not count.
  place.decimals.delete(place.at);
}

/** The value without what MySQL does not consider a difference: an update from 1.5 to 1.50 changes nothing there. */
function canonicalNumber(text: string): string {
  const exact = isInteger(text) || isDecimal(text) ? text : String(Number(text));
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = NUMBER.exec(exact) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  const short = digits.replace(/0+$/, '');
  const power = Number(exponent) - fraction.length + digits.length - short.length;
  return short === '' ? '0' : `${sign}${short}e${power}`;
}

function isDecimal(text: string): boolean {
  const [, whole, fraction = ''] = FIXED.exec(text) ?? [];
  if (whole === undefined || isInteger(text)) return false;
  if (fraction.length > MOST_BEHIND_POINT || whole.length + fraction.length > MOST_DIGITS) return false;
  const number = Number(text);
  if (number === 0) return fraction.length > 1 && !Object.is(number, -0);
  const size = Math.abs(number);
  if (size < SMALLEST_FIXED || size >= LARGEST_FIXED) return true;
  return text !== (Number.isInteger(number) ? `${number}.0` : String(number));
}

function isInteger(text: string): boolean {
  if (!/^-?\d+$/.test(text)) return false;
  const number = BigInt(text);
  return number >= LEAST && number <= MOST;
}

/** MySQL sorts the members of an object; MariaDB does not. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
      .map(([key, member]) => [key, sorted(member)]),
  );
}

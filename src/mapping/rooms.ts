/** How much room a value needs in a column of text or bytes, by the types of its source columns. Pure. */
import {wholeDigits} from './limits.ts';
import type {OperatorUse} from './operators/operator.ts';
import type {ColumnSchema} from './schema.ts';

/** The longest value, of text in characters and in bytes of UTF-8. */
export interface Room {
  readonly characters: number;
  readonly bytes: number;
  /** It is one of the types that a row does not hold by itself, such as TEXT and BLOB. */
  readonly isLong: boolean;
}

const LONG = /^(?:medium|long)?(?:text|blob)$|^json$/;
const COUNTED = /^(?:var)?char$|^enum$|^set$/;
/** The texts of the types without a length in information_schema. */
const FORMS: Readonly<Record<string, number>> = {uuid: 36, inet4: 15, inet6: 45};
/** The most bytes of UTF-8 of a character; four for a character set that is not listed. */
const WIDTHS: Readonly<Record<string, number>> = {ascii: 1, latin1: 3, latin2: 3, utf8mb3: 3, utf8: 3};
const JSON_BYTES = 0xffffffff;

/** The longest value that an operator makes of these inputs, apart from those that the mapping lists. */
export function roomFor(use: OperatorUse, inputs: readonly ColumnSchema[]): Room {
  const rooms = inputs.map(roomOf);
  const isLong = rooms.some(room => room.isLong);
  if (use.operator === 'join') {
    const between = use.with.length * Math.max(0, inputs.length - 1);
    const sum = (of: (room: Room) => number) => rooms.reduce((total, room) => total + of(room), 0);
    const separators = Buffer.byteLength(use.with) * Math.max(0, inputs.length - 1);
    return {
      characters: between + sum(room => room.characters),
      bytes: separators + sum(room => room.bytes),
      isLong,
    };
  }
  const otherwise = use.operator === 'first' ? (use.otherwise ?? '') : '';
  return {
    // oxlint-disable-next-line typescript/no-misused-spread -- the server counts code points
    characters: Math.max([...otherwise].length, ...rooms.map(room => room.characters)),
    bytes: Math.max(Buffer.byteLength(otherwise), ...rooms.map(room => room.bytes)),
    isLong,
  };
}

function roomOf(column: ColumnSchema): Room {
  const {type, charset, scale} = column;
  const length = column.maxLength ?? FORMS[type];
  if (type === 'json') return {characters: JSON_BYTES, bytes: JSON_BYTES, isLong: true};
  if (length === undefined) {
    // A number: its digits, a point and a sign; ZEROFILL writes as many digits as it shows.
    const [, shown = '0'] = /\((\d+)/.exec(column.definition) ?? [];
    const isSigned = !column.unsigned && type !== 'year';
    const digits = Math.max(1, wholeDigits(column)) + (scale > 0 ? scale + 1 : 0) + (isSigned ? 1 : 0);
    const characters = Math.max(digits, Number(shown));
    return {characters, bytes: characters, isLong: false};
  }
  const width = charset === null ? 1 : (WIDTHS[charset] ?? 4);
  // The length of a text without a count is that of its bytes in its own character set.
  const isUtf8 = charset === null || charset.startsWith('utf8');
  const bytes = COUNTED.test(type) ? length * width : isUtf8 ? length : length * width;
  return {characters: length, bytes: Math.min(bytes, JSON_BYTES), isLong: LONG.test(type)};
}

/** Whether a column of text or bytes has so much room. */
export function hasRoom(column: ColumnSchema, {characters, bytes}: Room): boolean {
  if (column.maxLength === null || column.members !== null) return true;
  const isCounted = COUNTED.test(column.type);
  return column.maxLength >= (isCounted ? characters : bytes);
}

/**
 * The transforms on packed rows: from bytes to bytes where that is all there is to do, by
 * the value form of transforms.ts otherwise. A property test holds the two together.
 */
import type {PackedRow} from './packed.ts';
import type {TransformName} from './tables.ts';
import {TRANSFORMS, type TargetForm} from './transforms.ts';
import type {Value} from './values.ts';

/** What takes a statement's values, one after another. */
export interface ValueSink {
  value(value: Value): void;
  /** A text, as its UTF-8. */
  bytes(from: Buffer, start: number, end: number): void;
  /** Two texts of one buffer, with a space in between. */
  joined(from: Buffer, start: number, end: number, nextStart: number, nextEnd: number): void;
}

export type PackedWriter = (row: PackedRow, sink: ValueSink) => void;

const SPACE = 32;
const ZERO = 48;
/** Of a point in time without digits of a second. */
const WHOLE_LENGTH = 19;

/** @param isBinary the column takes bytes, which need not be UTF-8 */
export function packedWriter(
  transform: TransformName,
  inputs: readonly number[],
  form: TargetForm,
  isBinary: boolean,
): PackedWriter {
  const [first = 0, second] = inputs;
  if (isBinary) return byValues(transform, inputs, form);
  switch (transform) {
    case 'id':
    case 'copy':
    case 'secret':
      return (row, sink) => {
        if (row.isNull(first)) return sink.value(null);
        const {bytes} = row;
        const [start, end] = [row.start(first), row.end(first)];
        sink.bytes(bytes, start, form.cutsEnd ? trimmedEnd(bytes, start, end) : end);
      };
    case 'trimmed':
      return (row, sink) => {
        if (row.isNull(first)) return sink.value(null);
        const {bytes} = row;
        const start = trimmedStart(bytes, row.start(first), row.end(first));
        sink.bytes(bytes, start, trimmedEnd(bytes, start, row.end(first)));
      };
    case 'full-name':
      if (second === undefined) return byValues(transform, inputs, form);
      return (row, sink) => writeFullName(row, first, second, sink);
    case 'timestamp': {
      const slowly = byValues(transform, inputs, form);
      const {fraction} = form;
      const length = fraction === 0 ? WHOLE_LENGTH : WHOLE_LENGTH + 1 + fraction;
      return (row, sink) => {
        const start = row.start(first);
        if (row.length(first) !== length || !isDate(row.bytes, start)) slowly(row, sink);
        else sink.bytes(row.bytes, start, row.end(first));
      };
    }
    case 'role':
    case 'is-active':
      return byValues(transform, inputs, form);
  }
}

function byValues(transform: TransformName, inputs: readonly number[], form: TargetForm): PackedWriter {
  const {value} = TRANSFORMS[transform];
  const [first = 0, second] = inputs;
  return (row, sink) =>
    sink.value(value(row.text(first), second === undefined ? null : row.text(second), form));
}

function writeFullName(row: PackedRow, first: number, last: number, sink: ValueSink): void {
  const {bytes} = row;
  // Of a null both ends are the same.
  const head = trimmedStart(bytes, row.start(first), row.end(first));
  const headEnd = trimmedEnd(bytes, head, row.end(first));
  const tail = trimmedStart(bytes, row.start(last), row.end(last));
  const tailEnd = trimmedEnd(bytes, tail, row.end(last));
  if (head === headEnd && tail === tailEnd) sink.value('');
  else if (head === headEnd) sink.bytes(bytes, tail, tailEnd);
  else if (tail === tailEnd) sink.bytes(bytes, head, headEnd);
  else sink.joined(bytes, head, headEnd, tail, tailEnd);
}

function trimmedStart(bytes: Buffer, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === SPACE) at++;
  return at;
}

function trimmedEnd(bytes: Buffer, start: number, end: number): number {
  let at = end;
  while (at > start && bytes[at - 1] === SPACE) at--;
  return at;
}

/** Whether neither year, month nor day is zero. */
function isDate(bytes: Buffer, at: number): boolean {
  return (
    (isNonZero(bytes, at) || isNonZero(bytes, at + 2)) && isNonZero(bytes, at + 5) && isNonZero(bytes, at + 8)
  );
}

function isNonZero(bytes: Buffer, at: number): boolean {
  return bytes[at] !== ZERO || bytes[at + 1] !== ZERO;
}

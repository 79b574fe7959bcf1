/** `join`: concatenates trimmed texts, without those that are empty or null. */
import {cellOf} from '../packed.ts';
import {refusesText} from './letters.ts';
import {textLiteral, type Operator, type PackedWriter, type UseOf} from './operator.ts';
import {ofOneCollation, trimmedEnd, trimmedStart, trimSpaces} from './texts.ts';

export const join: Operator<UseOf<'join'>> = {
  refuses: (_, shape) => refusesText(shape),
  value: ({with: between}, {inputs}) => {
    const [first = 0, second = 0] = inputs.map(({place}) => place);
    if (inputs.length === 2) {
      // The common case needs no list for each row.
      return row => {
        const head = trimSpaces(cellOf(row, first) ?? '');
        const tail = trimSpaces(cellOf(row, second) ?? '');
        return head === '' ? tail : tail === '' ? head : head + between + tail;
      };
    }
    return row =>
      inputs
        .map(({place}) => trimSpaces(cellOf(row, place) ?? ''))
        .filter(part => part !== '')
        .join(between);
  },
  packed: ({with: between}, {inputs}) => {
    const [first = 0, second = 0] = inputs.map(({place}) => place);
    return inputs.length === 2 && between === ' ' ? joinedWriter(first, second) : null;
  },
  sql: ({with: between}, inputs, shape) => {
    // The length is compared, because a collation that ignores a character considers it equal to the empty text.
    const parts = ofOneCollation(inputs, shape).map(
      part => `IF(LENGTH(TRIM(${part})) = 0, NULL, TRIM(${part}))`,
    );
    return `CONCAT_WS(${between === ' ' ? "' '" : textLiteral(between)}, ${parts.join(', ')})`;
  },
};

function joinedWriter(first: number, last: number): PackedWriter {
  return (row, sink) => {
    const {bytes} = row;
    // Both ends of a null are equal.
    const head = trimmedStart(bytes, row.start(first), row.end(first));
    const headEnd = trimmedEnd(bytes, head, row.end(first));
    const tail = trimmedStart(bytes, row.start(last), row.end(last));
    const tailEnd = trimmedEnd(bytes, tail, row.end(last));
    if (head === headEnd && tail === tailEnd) sink.value('');
    else if (head === headEnd) sink.bytes(bytes, tail, tailEnd);
    else if (tail === tailEnd) sink.bytes(bytes, head, headEnd);
    else sink.joined(bytes, head, headEnd, tail, tailEnd);
  };
}

/** `join`: texts one after another, each without blanks around it; what is empty or null is left out. */
import {cellOf} from '../packed.ts';
import {refusesText} from './letters.ts';
import {textLiteral, type Operator, type PackedWriter, type UseOf} from './operator.ts';
import {ofOneCollation, trimmedEnd, trimmedStart, trimSpaces} from './texts.ts';

export const join: Operator<UseOf<'join'>> = {
  refuses: (_, shape) => refusesText(shape),
  value: ({with: between}, {inputs}) => {
    const [first = 0, second = 0] = inputs.map(({place}) => place);
    if (inputs.length === 2) {
      // The common case, without a list for each row.
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
    // By length, since collations take characters that they ignore for nothing.
    const parts = ofOneCollation(inputs, shape).map(
      part => `IF(LENGTH(TRIM(${part})) = 0, NULL, TRIM(${part}))`,
    );
    return `CONCAT_WS(${between === ' ' ? "' '" : textLiteral(between)}, ${parts.join(', ')})`;
  },
};

function joinedWriter(first: number, last: number): PackedWriter {
  return (row, sink) => {
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
  };
}

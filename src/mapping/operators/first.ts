/** `first`: the first of several columns that has a value; a zero date counts as none. */
import {canCarry, isValueOf} from '../families.ts';
import {cellOf} from '../packed.ts';
import {isDate, momentSql, roundMoment} from './moments.ts';
import {textLiteral, type Operator, type PackedWriter, type Shape, type UseOf} from './operator.ts';

const ZERO = 48;
/** Of a moment without digits of a second. */
const WHOLE_LENGTH = 19;

export const first: Operator<UseOf<'first'>> = {
  refuses: ({otherwise}, {inputs, family, column}) => {
    const wrong = inputs.find(input => !canCarry(input.family, family));
    if (wrong !== undefined)
      return `${wrong.schema.name} is of the type ${wrong.schema.type}, which cannot be carried into a column of the type ${column.type}`;
    if (inputs.some(input => input.family !== inputs[0]?.family)) return 'its columns are of different kinds';
    return otherwise === null || isValueOf(family, otherwise)
      ? null
      : `'otherwise' is no value of the type ${column.type}`;
  },
  value: ({otherwise}, shape, fraction) => {
    const {inputs, family, column} = shape;
    const places = inputs.map(({place}) => place);
    if (family !== 'moment')
      return row => {
        for (const place of places) {
          const cell = cellOf(row, place);
          if (cell !== null) return cell;
        }
        return otherwise;
      };
    const last = otherwise === null ? null : asMoment(otherwise);
    const isDay = column.type === 'date';
    return row => {
      let chosen = last;
      for (const place of places) {
        const cell = cellOf(row, place);
        if (isDate(cell)) {
          chosen = cell;
          break;
        }
      }
      if (chosen === null) return null;
      return isDay ? chosen.slice(0, 10) : roundMoment(chosen, fraction);
    };
  },
  packed: (use, shape, fraction) => (shape.family === 'moment' ? momentWriter(use, shape, fraction) : null),
  sql: ({otherwise}, inputs, shape) => {
    if (shape.family !== 'moment') {
      const last = otherwise === null ? 'NULL' : textLiteral(otherwise);
      return `COALESCE(${[...inputs, last].join(', ')})`;
    }
    // IF takes a fifth less of the server's time than COALESCE with NULLIF.
    const last = otherwise === null ? 'NULL' : `TIMESTAMP'${asMoment(otherwise)}'`;
    const chosen = inputs.toReversed().reduce((rest, input) => `IF(${input} <> 0, ${input}, ${rest})`, last);
    return momentSql(chosen, shape);
  },
};

function asMoment(text: string): string {
  return text.length === 10 ? `${text} 00:00:00` : text;
}

/** The first input as it is, where it is in the form of the column already; by its value otherwise. */
function momentWriter(use: UseOf<'first'>, shape: Shape, fraction: number): PackedWriter {
  const slowly = first.value(use, shape, fraction);
  const place = shape.inputs[0]?.place ?? 0;
  const length = fraction === 0 ? WHOLE_LENGTH : WHOLE_LENGTH + 1 + fraction;
  return (row, sink) => {
    const start = row.start(place);
    if (row.length(place) !== length || startsWithYearZero(row.bytes, start)) sink.value(slowly(row));
    else sink.bytes(row.bytes, start, row.end(place));
  };
}

/** As zero dates do. */
function startsWithYearZero(bytes: Buffer, at: number): boolean {
  return bytes[at] === ZERO && bytes[at + 1] === ZERO && bytes[at + 2] === ZERO && bytes[at + 3] === ZERO;
}


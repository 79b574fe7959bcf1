/** `constant`: the same value for every row. */
import {isValueOf} from '../families.ts';
import {givenMoment, roundMoment} from './moments.ts';
import {textLiteral, type Operator, type Shape, type UseOf} from './operator.ts';
import {cutEnd, memberNamed} from './texts.ts';

export const constant: Operator<UseOf<'constant'>> = {
  refuses: ({value}, {family, column}) =>
    value === null || isValueOf(family, value) ? null : `'${value}' is no value of the type ${column.type}`,
  value: (use, shape) => {
    const value = written(use, shape);
    return () => value;
  },
  packed: () => null,
  sql: (use, _, shape) => {
    const value = written(use, shape);
    if (value === null) return 'NULL';
    return shape.family === 'moment' ? `CAST('${value}' AS DATETIME(6))` : textLiteral(value);
  },
};

function written({value}: UseOf<'constant'>, shape: Shape): string | null {
  const {family, column} = shape;
  if (value === null || family !== 'moment' || column.type === 'date')
    return cutEnd(shape, memberNamed(column, value));
  return roundMoment(givenMoment(value, shape), column.fraction);
}

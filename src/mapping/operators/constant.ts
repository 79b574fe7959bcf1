/** `constant`: the same value for every row. */
import type {Operator, UseOf} from './operator.ts';
import {ownSql, ownValue, refusesNamed} from './own-values.ts';

export const constant: Operator<UseOf<'constant'>> = {
  refuses: ({value}, shape) => refusesNamed(value, shape),
  value: ({value}, shape) => {
    const own = ownValue(value, shape);
    return () => own;
  },
  packed: () => null,
  sql: ({value}, _, shape) => ownSql(ownValue(value, shape), shape),
};

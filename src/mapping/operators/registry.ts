/** Every operator by its name. */
import {lookup, oneOf} from './choices.ts';
import {constant} from './constant.ts';
import {copy} from './copy.ts';
import {first} from './first.ts';
import {join} from './join.ts';
import {letters} from './letters.ts';
import type {Operator, OperatorName, OperatorUse} from './operator.ts';

const OPERATORS = {
  copy,
  trim: letters,
  lower: letters,
  upper: letters,
  join,
  lookup,
  oneOf,
  first,
  constant,
} as const satisfies Record<OperatorName, unknown>;

/** The operator of a use. Each entry accepts the uses that have its name. */
export function operatorOf(use: OperatorUse): Operator {
  return OPERATORS[use.operator] as unknown as Operator;
}

/** Reads the columns and the conditions of one table of a mapping file. */
import type {z} from 'zod';
import {checksOf} from '../checks.ts';
import type {ColumnMap, Condition} from '../mapping.ts';
import {normalised} from '../operators/texts.ts';
import {Decimal} from './decimal.ts';
import {didYouMean, type FileFault, type FilePath} from './faults.ts';
import {
  conditionSchema,
  MISSING,
  name,
  OPERATOR_NAMES,
  OPERATOR_SCHEMAS,
  type OperatorName,
  type scalar,
} from './schema.ts';

type Scalar = z.infer<typeof scalar>;

/** A scalar of the file as the text that a server would show: true is 1, since both servers have no other. */
export function textOf(value: Scalar): string {
  return typeof value === 'boolean' ? (value ? '1' : '0') : String(value);
}

/** @returns null if the column has a fault, which is then in `faults` */
export function readColumn(
  target: string,
  written: unknown,
  path: FilePath,
  faults: FileFault[],
): ColumnMap | null {
  if (typeof written === 'string') {
    const source = name.safeParse(written);
    if (source.success) return {target, from: [written], use: {operator: 'copy'}, checks: []};
    faults.push(...zodFaults(source.error, path, []));
    return null;
  }
  const isObject = typeof written === 'object' && written !== null;
  if (!isObject || Array.isArray(written) || written instanceof Decimal) {
    faults.push({
      path,
      message: `a column is the name of a source column, or an object with one of: ${OPERATOR_NAMES.join(', ')}`,
    });
    return null;
  }
  const keys = Object.keys(written);
  const operators = keys.filter((key): key is OperatorName => Object.hasOwn(OPERATOR_SCHEMAS, key));
  const [operator] = operators;
  if (operator === undefined) {
    const OPTIONS = ['check', 'with', 'values', 'otherwise'];
    const [wrong = ''] = keys.filter(key => !OPTIONS.includes(key));
    faults.push({
      path,
      message:
        wrong === ''
          ? `no operator; it is one of: ${OPERATOR_NAMES.join(', ')}`
          : `no operator '${wrong}'${didYouMean(wrong, OPERATOR_NAMES) || `; it is one of: ${OPERATOR_NAMES.join(', ')}`}`,
    });
    return null;
  }
  if (operators.length > 1) {
    faults.push({path, message: `two operators, ${operators.join(' and ')}; a column has one`});
    return null;
  }
  const parsed = OPERATOR_SCHEMAS[operator].safeParse(written);
  if (!parsed.success) {
    faults.push(...zodFaults(parsed.error, path, Object.keys(OPERATOR_SCHEMAS[operator].shape)));
    return null;
  }
  const before = faults.length;
  if ('lookup' in parsed.data) faults.push(...sameInputs(parsed.data.values, [...path, 'values']));
  return faults.length > before ? null : toColumn(target, parsed.data);
}

/** Values of a `lookup` that are equal when they are compared, so that only one would be used. */
function sameInputs(values: Readonly<Record<string, Scalar>>, path: FilePath): FileFault[] {
  const seen = new Map<string, string>();
  return Object.keys(values).flatMap(value => {
    const form = normalised(value);
    const other = seen.get(form);
    if (other === undefined) seen.set(form, value);
    return other === undefined
      ? []
      : [
          {
            path: [...path, value],
            message: `'${value}' and '${other}' are the same value, since case and blanks around it do not count`,
          },
        ];
  });
}

function toColumn(target: string, parsed: z.infer<(typeof OPERATOR_SCHEMAS)[OperatorName]>): ColumnMap {
  const checks = checksOf(parsed.check);
  if ('copy' in parsed) return {target, from: [parsed.copy], use: {operator: 'copy'}, checks};
  if ('trim' in parsed) return {target, from: [parsed.trim], use: {operator: 'trim'}, checks};
  if ('lower' in parsed) return {target, from: [parsed.lower], use: {operator: 'lower'}, checks};
  if ('upper' in parsed) return {target, from: [parsed.upper], use: {operator: 'upper'}, checks};
  if ('join' in parsed)
    return {target, from: parsed.join, use: {operator: 'join', with: parsed.with}, checks};
  if ('lookup' in parsed) {
    const values = Object.fromEntries(
      Object.entries(parsed.values).map(([from, to]) => [normalised(from), textOf(to)]),
    );
    const otherwise =
      parsed.otherwise === undefined || parsed.otherwise === null
        ? parsed.otherwise
        : textOf(parsed.otherwise);
    return {target, from: [parsed.lookup], use: {operator: 'lookup', values, otherwise}, checks};
  }
  if ('oneOf' in parsed) {
    const values = [...new Set(parsed.values.map(value => normalised(textOf(value))))];
    return {target, from: [parsed.oneOf], use: {operator: 'oneOf', values}, checks};
  }
  if ('first' in parsed) {
    const otherwise = parsed.otherwise === undefined ? null : textOf(parsed.otherwise);
    return {target, from: parsed.first, use: {operator: 'first', otherwise}, checks};
  }
  const value = parsed.constant === null ? null : textOf(parsed.constant);
  return {target, from: [], use: {operator: 'constant', value}, checks};
}

/** @returns null if the condition has a fault, which is then in `faults` */
export function readCondition(
  column: string,
  written: unknown,
  path: FilePath,
  faults: FileFault[],
): Condition | null {
  const parsed = conditionSchema.safeParse(written);
  if (!parsed.success) {
    faults.push({path, message: "a condition is 'not null', 'null', a value, or a list of values"});
    return null;
  }
  const {data} = parsed;
  if (data === null || data === 'null') return {column, is: 'null'};
  if (data === 'not null') return {column, is: 'not null'};
  const values = (Array.isArray(data) ? data : [data]).map(textOf);
  return {column, is: 'in', values: [...new Set(values)]};
}

/**
 * The faults that zod found, each at its place and one for each place; for an unknown key with the one that was
 * probably meant.
 */
export function zodFaults(error: z.ZodError, path: FilePath, known: readonly string[]): FileFault[] {
  const seen = new Set<string>();
  return issuesOf(error.issues).flatMap((issue): FileFault[] => {
    const at = [...path, ...issue.path.filter(part => typeof part !== 'symbol')];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map(key => ({
        path: [...at, key],
        message: `no option '${key}' here${didYouMean(key, known) || `; there are: ${known.join(', ')}`}`,
      }));
    // Zod compares the length of a list with that of a text.
    const place = at.join('\0');
    if (seen.has(place)) return [];
    seen.add(place);
    return [{path: at, message: isMissing(issue) ? MISSING : plainMessage(issue)}];
  });
}

/** The issues that say that a value has another form. */
const OTHER_FORM: ReadonlySet<string> = new Set([
  'invalid_type',
  'invalid_union',
  'invalid_value',
  'unrecognized_keys',
]);

/** Replaces the issue of a value that has none of several forms by those inside of it, if it clearly has one of the forms. */
function issuesOf(issues: readonly z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap(issue => {
    if (issue.code !== 'invalid_union') return [issue];
    const isOther = (one: z.core.$ZodIssue) =>
      isMissing(one) || (one.path.length === 0 && OTHER_FORM.has(one.code));
    const forms = issue.errors.map(issuesOf).filter(form => !form.some(isOther));
    const [form] = forms;
    if (form === undefined || forms.length > 1) return [issue];
    return form.map(one => ({...one, path: [...issue.path, ...one.path]}));
  });
}

/** Whether a value is missing. Zod says so in its message only, and not if one of several texts is expected. */
function isMissing(issue: z.core.$ZodIssue): boolean {
  if (issue.code === 'invalid_union')
    return (
      issue.errors.length > 0 &&
      issue.errors.every(one => one.some(each => each.path.length === 0 && isMissing(each)))
    );
  return (
    issue.message === MISSING ||
    (issue.code === 'invalid_type' && issue.message.includes('received undefined'))
  );
}

function plainMessage(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_key') return issue.issues[0]?.message ?? issue.message;
  return issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
}

/** The format of a mapping file as zod schemas. The JSON Schema for editors is generated from them. */
import {z} from 'zod';
import {checkSchema} from '../checks.ts';
import {Decimal} from './decimal.ts';

export const MAX_KEY_COLUMNS = 4;
export const MAX_TABLES = 1000;
/** The names that both servers allow. */
const MAX_NAME = 64;

/** What was written where something else is expected. */
function kindOf(input: unknown): string {
  if (input === null || input === '') return 'empty';
  if (Array.isArray(input)) return input.length === 0 ? 'an empty list' : 'a list';
  if (typeof input === 'number' && !Number.isFinite(input)) return 'not a finite number';
  if (typeof input === 'boolean') return 'true or false';
  if (input instanceof Decimal) return 'a number';
  return typeof input === 'object' ? 'an object' : typeof input === 'string' ? 'a text' : 'a number';
}

/** The message for a value of another type; undefined if there is none, since zod then says that it is missing. */
const expected =
  (what: string) =>
  ({input}: {readonly input?: unknown}): string | undefined =>
    input === undefined ? undefined : `is ${kindOf(input)}; it must be ${what}`;

/** The whole message of a value that is missing. */
export const MISSING = 'is missing';

const text = (what: string, max: number) =>
  z
    .string({
      error: issue => {
        const isScalar =
          ['number', 'bigint', 'boolean'].includes(typeof issue.input) || issue.input instanceof Decimal;
        return expected(isScalar ? `${what}, in quotes` : what)(issue);
      },
    })
    .min(1, `is empty; it must be ${what}`)
    .max(max, `has more than ${max} characters; it must be ${what}`);

const NAME = 'the name of a table or a column';
export const name = text(NAME, MAX_NAME)
  .refine(written => !written.includes('\0'), 'no server has a name with the character U+0000')
  .refine(written => !written.endsWith(' '), 'no server has a name that ends with a space')
  .describe(NAME);
const decimal = z.instanceof(Decimal).transform(({text: written}) => written);
export const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean(), decimal], {
  error: issue =>
    expected(
      `a text, a number, true or false${issue.input === null ? "; an empty text is written as ''" : ''}`,
    )(issue),
});
const listOf = <T extends z.ZodType>(one: T, what: string) =>
  z.array(one, {error: expected(what)}).min(1, `is an empty list; it must be ${what}`);
const names = (what: string) => listOf(name, what);
const choices = listOf(scalar, 'a list of values');
const columns = names('a list of source columns');
/** The columns of a key, one or several. */
const keyColumns = (what: string) =>
  z.union(
    [
      name,
      names(what).max(
        MAX_KEY_COLUMNS,
        `a key has at most ${MAX_KEY_COLUMNS} columns; use fewer that are unique together`,
      ),
    ],
    {error: expected(what)},
  );
const check = checkSchema.optional();

/** The operators by the key that names them; each object has this key and its options. */
export const OPERATOR_SCHEMAS = {
  copy: z.strictObject({copy: name, check}),
  trim: z.strictObject({trim: name, check}),
  lower: z.strictObject({lower: name, check}),
  upper: z.strictObject({upper: name, check}),
  join: z.strictObject({
    join: columns,
    with: z.string({error: expected('the text between the parts')}).default(''),
    check,
  }),
  lookup: z.strictObject({
    lookup: name,
    values: z.record(z.string(), scalar, {
      error: expected("an object: the source's value, and what becomes of it"),
    }),
    otherwise: scalar.nullable().optional(),
    check,
  }),
  oneOf: z.strictObject({oneOf: name, values: choices, check}),
  first: z.strictObject({first: columns, otherwise: scalar.optional(), check}),
  constant: z.strictObject({constant: scalar.nullable(), check}),
} as const;
export type OperatorName = keyof typeof OPERATOR_SCHEMAS;
export const OPERATOR_NAMES = Object.keys(OPERATOR_SCHEMAS) as readonly OperatorName[];

export const conditionSchema = z.union([scalar, z.null(), choices]);
export const parentSchema = keyColumns(
  `the column that holds the parent's key, or a list of one to ${MAX_KEY_COLUMNS}`,
);

const optional = z.boolean({error: expected('true or false')}).default(false);
export const preferenceSchema = z.union(
  [
    z.strictObject({column: name, first: choices, optional}),
    z.strictObject({
      column: name,
      order: z.enum(['asc', 'desc'], {
        error: ({input}) => (input === undefined ? MISSING : "must be 'asc' or 'desc'"),
      }),
      optional,
    }),
  ],
  {error: 'must be {column: …, first: [values]} or {column: …, order: asc or desc}'},
);

const statement = text('the statement that creates the table', Number.MAX_SAFE_INTEGER);
const label = text('a label', MAX_NAME);

export const tableSchema = z.strictObject(
  {
    from: name,
    label: label.optional(),
    key: keyColumns(`a target column, or a list of one to ${MAX_KEY_COLUMNS}`),
    columns: z.record(name, z.unknown(), {error: expected('an object: each target column, and its source')}),
    where: z
      .record(name, z.unknown(), {error: expected('an object: source columns, each with its condition')})
      .default({}),
    parents: z
      .record(name, z.unknown(), {
        error: expected('an object: each parent table, and the column that holds its key'),
      })
      .default({}),
    prefer: z.array(preferenceSchema, {error: expected('a list')}).default([]),
    newest: name.optional(),
    ownedAs: name.optional(),
    create: z
      .union([statement, listOf(statement, 'a list of statements')], {
        error: expected('a statement, or a list of statements'),
      })
      .optional(),
  },
  {error: expected('an object with `from`, `key` and `columns`')},
);

export const fileSchema = z.strictObject(
  {
    version: z.literal(1, {
      error: ({input}) => (input === undefined ? 'is missing; write `version: 1`' : 'must be the number 1'),
    }),
    /** Labels in the order in which counts show them; those that are not named follow. */
    counts: z.array(label, {error: expected('a list of labels')}).optional(),
    tables: z.record(name, z.unknown(), {error: expected('an object: each target table, and its parts')}),
  },
  {error: 'must be an object with `version` and `tables`'},
);

/** The whole format as JSON Schema, for editors that complete and check a file while it is written. */
export function mappingJsonSchema(): object {
  const column = z.union([name, ...Object.values(OPERATOR_SCHEMAS)]);
  const table = tableSchema.extend({
    columns: z.record(name, column),
    where: z.record(name, conditionSchema).default({}),
    parents: z.record(name, parentSchema).default({}),
  });
  const file = fileSchema.extend({tables: z.record(name, table)});
  const schema = z.toJSONSchema(file, {
    target: 'draft-2020-12',
    io: 'input',
    unrepresentable: 'any',
    override: ({zodSchema, jsonSchema}) => {
      if (zodSchema._zod.def.type === 'bigint') jsonSchema.type = 'integer';
      if (zodSchema === decimal.in) jsonSchema.type = 'number';
    },
  });
  return {$id: 'mapping.schema.json', title: 'A laas-sync mapping', ...schema};
}

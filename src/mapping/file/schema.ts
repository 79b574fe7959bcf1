/** The format of a mapping file as zod schemas. The JSON Schema for editors is generated from them. */
import {z} from 'zod';
import {checkSchema} from '../checks.ts';

export const MAX_KEY_COLUMNS = 4;
export const MAX_TABLES = 1000;
/** The names that both servers allow. */
const MAX_NAME = 64;

export const name = z
  .string()
  .min(1)
  .max(MAX_NAME)
  .refine(text => !text.includes('\0'), 'no server has a name with the character U+0000')
  .describe('the name of a table or a column');
export const scalar = z.union([z.string(), z.number(), z.bigint(), z.boolean()]);
const names = z.array(name).min(1);
const check = checkSchema.optional();
const choices = z.array(scalar).min(1);

/** The operators by the key that names them; each object has this key and its options. */
export const OPERATOR_SCHEMAS = {
  copy: z.strictObject({copy: name, check}),
  trim: z.strictObject({trim: name, check}),
  lower: z.strictObject({lower: name, check}),
  upper: z.strictObject({upper: name, check}),
  join: z.strictObject({join: names, with: z.string().default(''), check}),
  lookup: z.strictObject({
    lookup: name,
    values: z.record(z.string(), scalar),
    otherwise: scalar.nullable().optional(),
    check,
  }),
  oneOf: z.strictObject({oneOf: name, values: choices, check}),
  first: z.strictObject({first: names, otherwise: scalar.optional(), check}),
  constant: z.strictObject({constant: scalar.nullable(), check}),
} as const;
export type OperatorName = keyof typeof OPERATOR_SCHEMAS;
export const OPERATOR_NAMES = Object.keys(OPERATOR_SCHEMAS) as readonly OperatorName[];

export const conditionSchema = z.union([scalar, z.null(), choices]);
export const parentSchema = z.union([name, names.max(MAX_KEY_COLUMNS)]);

export const preferenceSchema = z.union([
  z.strictObject({column: name, first: choices, optional: z.boolean().default(false)}),
  z.strictObject({column: name, order: z.enum(['asc', 'desc']), optional: z.boolean().default(false)}),
]);

export const tableSchema = z.strictObject({
  from: name,
  label: z.string().min(1).max(MAX_NAME).optional(),
  key: z.union([name, names.max(MAX_KEY_COLUMNS)]),
  columns: z.record(name, z.unknown()),
  where: z.record(name, z.unknown()).default({}),
  parents: z.record(name, z.unknown()).default({}),
  prefer: z.array(preferenceSchema).default([]),
  newest: name.optional(),
  ownedAs: name.optional(),
  create: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
});

export const fileSchema = z.strictObject({
  version: z.literal(1),
  /** Labels in the order in which counts show them; those that are not named follow. */
  counts: z.array(z.string().min(1).max(MAX_NAME)).optional(),
  tables: z.record(name, z.unknown()),
});

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
    },
  });
  return {$id: 'mapping.schema.json', title: 'A laas-sync mapping', ...schema};
}

/** The checks that a value must pass, in addition to fitting its column. Pure. */
import {z} from 'zod';

export type CheckUse =
  {readonly check: 'email' | 'notEmpty'} | {readonly check: 'maxLength'; readonly characters: number};

const MAX_LENGTH = 65_535;
const length = `must be a whole number from 0 to ${MAX_LENGTH}`;
const CHECKS = 'email, notEmpty or {maxLength: number}';
const one = z.union(
  [
    z.enum(['email', 'notEmpty']),
    z.strictObject({
      maxLength: z.number(length).int(length).min(0, length).max(MAX_LENGTH, length),
    }),
  ],
  {error: `must be ${CHECKS}`},
);
/** One check or a list of checks, in the form of the mapping file. */
export const checkSchema = z.union([one, z.array(one).min(1, `must be ${CHECKS}, or a list of them`)], {
  error: `must be ${CHECKS}, or a list of them`,
});

export function checksOf(written: z.infer<typeof checkSchema> | undefined): CheckUse[] {
  if (written === undefined) return [];
  return (Array.isArray(written) ? written : [written]).map(use =>
    typeof use === 'string' ? {check: use} : {check: 'maxLength', characters: use.maxLength},
  );
}

/** Exactly one @, at least one character on either side, no white space inside. */
const EMAIL = /^[^\s@]+@[^\s@]+$/u;

export function satisfies(use: CheckUse, value: string): boolean {
  switch (use.check) {
    case 'email':
      return EMAIL.test(value);
    case 'notEmpty':
      return value !== '';
    case 'maxLength':
      // oxlint-disable-next-line typescript/no-misused-spread -- the server counts code points
      return value.length <= use.characters || [...value].length <= use.characters;
  }
}

/** The length of the column that stores the code. */
const MAX_CODE = 80;

/** The code of the dead letter if a value fails its check: `invalid-` and the target column in kebab-case. */
export function invalidCode(target: string): `invalid-${string}` {
  const words = target.replaceAll(/([a-z\d])([A-Z])/g, '$1-$2').replaceAll(/[^\p{L}\d]+/gu, '-');
  return `invalid-${words
    .toLowerCase()
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, MAX_CODE - 'invalid-'.length)}`;
}

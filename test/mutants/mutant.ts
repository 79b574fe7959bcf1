/**
 * A mutant removes one protection from the code, and names the test that must fail without it. This proves that
 * the test tests the behaviour that its name states. The tables hold only data; `main.ts` runs them.
 */
import type {Edition} from '../servers/provision.ts';
import {CLUSTERS} from './clusters.ts';
import type {Edit} from './edit.ts';
import {INVARIANTS} from './invariants.ts';
import {KEYS} from './keys.ts';
import {LOG} from './log.ts';
import {OUTDATED} from './outdated.ts';
import {OWNERSHIP} from './ownership.ts';
import {POSITIONS} from './positions.ts';
import {PRIVACY} from './privacy.ts';
import {REFUSALS} from './refusals.ts';
import {ROWS} from './rows.ts';
import {RULES} from './rules.ts';
import {SENDING} from './sending.ts';
import {SERVER} from './server.ts';
import {VALUES} from './values.ts';
import {WATERMARKS} from './watermarks.ts';

/** Subjects besides the numbered failures, each with tests of its own. */
export const SUBJECTS = [
  'dead letters',
  'dependants',
  'unique keys',
  'ownership',
  'watermarks',
  'exactly once',
  'one writer',
  'connections',
  'continuity',
  'schema',
  'values',
  'privacy',
  'mapping',
  'status',
  'clusters',
] as const;
export type Subject = (typeof SUBJECTS)[number];

/** A line of docs/failure-modes.md, a subject, or an invariant of docs/invariants.md. */
export type Answer = `#${number}` | Subject | `invariant ${number}`;

export interface Mutant {
  readonly name: string;
  /** Several if a test fails only without all of these protections. */
  readonly edits: readonly Edit[];
  readonly answers: readonly Answer[];
  /** The test that must fail: its file, and words of its name, or of its suite's name if tests depend on earlier ones. */
  readonly test: readonly [file: string, name: string];
  /** Words of the suite's name, if several suites have the test. */
  readonly within?: string;
  /** The server on which the test runs; MariaDB by default. */
  readonly flavour?: Edition;
}

export const MUTANTS: readonly Mutant[] = [
  ...POSITIONS,
  ...LOG,
  ...ROWS,
  ...REFUSALS,
  ...INVARIANTS,
  ...WATERMARKS,
  ...PRIVACY,
  ...SENDING,
  ...RULES,
  ...OUTDATED,
  ...OWNERSHIP,
  ...VALUES,
  ...KEYS,
  ...SERVER,
  ...CLUSTERS,
];

/** Returns the mutants with one of these names, subjects (`21` is `#21`) or files; all if there are no words. */
export function chosen(words: readonly string[]): Mutant[] {
  const isMeant = (mutant: Mutant) => (word: string) =>
    mutant.name === word ||
    mutant.answers.some(answer => answer === word || answer === `#${word}`) ||
    mutant.edits.some(([file]) => file === word) ||
    mutant.test[0] === word;
  return MUTANTS.filter(mutant => words.length === 0 || words.some(isMeant(mutant)));
}

/**
 * A mutant takes one protection out of the code, and names the test that must fail without it: the
 * evidence that a test tests what it says. The tables hold nothing but data; `main.ts` runs them.
 */
import type {Edition} from '../servers/provision.ts';
import {CLUSTERS} from './clusters.ts';
import type {Edit} from './edit.ts';
import {INVARIANTS} from './invariants.ts';
import {LOG} from './log.ts';
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

/** What a fault must not break, beside the numbered failures: the rules that each have tests of their own. */
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
  /** Several where one protection stands behind another, so that only both together can be missed. */
  readonly edits: readonly Edit[];
  readonly answers: readonly Answer[];
  /** The test that must fail: its file, and words of its name; of its suite's, where a test builds on those before it. */
  readonly test: readonly [file: string, name: string];
  /** Words of the suite's name, where the test is in several. */
  readonly within?: string;
  /** Which server it is shown on; MariaDB where either will do. */
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
  ...OWNERSHIP,
  ...VALUES,
  ...SERVER,
  ...CLUSTERS,
];

/** Those that are asked for, by name, by what they answer (`21` is `#21`), or by file; all where nothing is. */
export function chosen(words: readonly string[]): Mutant[] {
  const isMeant = (mutant: Mutant) => (word: string) =>
    mutant.name === word ||
    mutant.answers.some(answer => answer === word || answer === `#${word}`) ||
    mutant.edits.some(([file]) => file === word) ||
    mutant.test[0] === word;
  return MUTANTS.filter(mutant => words.length === 0 || words.some(isMeant(mutant)));
}

import type {DeadLetter, Run, Status, Verdict} from '../../../status/operations.ts';
import type {Look} from './view.js';

export interface Tree {
  readonly tag: string;
  readonly attrs: Readonly<Record<string, string | boolean>>;
  readonly children: readonly (Tree | string)[];
}
export function reasonItems(status: Status): readonly Tree[];
export interface CountedTable {
  readonly table: string;
  readonly label: string;
}
export function countRows(status: Status, tables: readonly CountedTable[]): readonly Tree[];
export function runRows(run: Run): readonly Tree[];
export function deadLetterRows(items: readonly DeadLetter[], nowMs: number): readonly Tree[];
export function codeItems(items: readonly DeadLetter[]): readonly Tree[];
export function verdictRows(verdict: Verdict): readonly Tree[];

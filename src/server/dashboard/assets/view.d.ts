import type {Run, Status} from '../../../status/operations.ts';
import type {LagColumns} from '../../lag-history.ts';

export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'idle' | 'plain';
export interface Look {
  readonly tone: Tone;
  readonly icon: string;
  readonly label: string;
}
export interface ViewInput {
  readonly status: Status;
  readonly history: LagColumns;
  readonly nowMs: number;
  readonly maxLagSeconds: number;
}

export function ratesOf(
  at: readonly number[],
  counter: readonly number[],
  leastSeconds?: number,
): readonly (number | null)[];
export function stateOf(status: Status): Look & {readonly help: string};
export function runStateOf(run: Run): Look;
export function healthOf(status: Status): Look;
export function textsOf(input: ViewInput): Readonly<Record<string, string>>;
export function shownOf(status: Status): Readonly<Record<string, boolean>>;
export function refusedOf(status: Status): Readonly<Record<string, boolean>>;
export function tonesOf(status: Status, maxLagSeconds: number): Readonly<Record<string, Tone>>;
export function announcement(status: Status): string;

/** The options and the result of one run of the reconciler. */
import type {Applier} from '../src/apply/applier.ts';
import type {Logger} from '../src/logger.ts';
import type {ReconcileMode, RunProgress, TableOutcomes} from '../src/status/operations.ts';
import type {Worker} from './batch.ts';
import type {RepairOptions} from './repair.ts';

export interface ReconcileOptions {
  readonly mode: ReconcileMode;
  readonly allowDeletes: boolean;
  /** SYNC_DELETES=mirror. */
  readonly mirror: boolean;
  readonly newestWins: boolean;
  readonly batchRows: number;
  readonly maxDeleteRatio: number;
}

export interface ReconcileDeps extends Pick<RepairOptions, 'tap' | 'lock'> {
  readonly applier: Applier;
  /** At least one worker; segments are distributed among them. */
  readonly workers: readonly Worker[];
  readonly logger: Logger;
  readonly onProgress: (progress: Omit<RunProgress, 'runId'>) => void;
}

export interface ReconcileResult {
  readonly tables: TableOutcomes;
  /** By target table. */
  readonly foreign: Readonly<Record<string, number>>;
  /** The number of rows still to be deleted, by target table, if the brake stopped the run. */
  readonly unconfirmed: Readonly<Record<string, number>> | null;
}

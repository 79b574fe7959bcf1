/** When the nightly run comes. The only importer of node-cron. */
import {createTask, validate} from 'node-cron';

export function isCronExpression(expression: string): boolean {
  return validate(expression);
}

export interface Schedule {
  readonly nextRun: Date | null;
  stop(): void;
}

/** Calls `run` at each time that the expression names, in the given time zone; overlaps are the callee's affair. */
export function startSchedule(cron: string, timezone: string, run: () => void): Schedule {
  const task = createTask(cron, run, {timezone, suppressMissedWarning: true, unref: true});
  void task.start();
  return {
    get nextRun() {
      return task.getNextRun();
    },
    stop() {
      void task.destroy();
    },
  };
}

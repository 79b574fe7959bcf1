/** Schedules the nightly run. This file is the only importer of node-cron. */
import {createTask, validate} from 'node-cron';

export function isCronExpression(expression: string): boolean {
  return validate(expression);
}

export interface Schedule {
  readonly nextRun: Date | null;
  stop(): void;
}

/** Calls `run` at each time of the cron expression, in the given time zone. The callee handles overlaps. */
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

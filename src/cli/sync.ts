import {MultiBar, Presets} from 'cli-progress';
import type {CommandContext} from './program.ts';
import {readCheckpoint, type Checkpoint} from '../apply/checkpoint.ts';
import type {Config} from '../config.ts';
import {connect, queryRows} from '../db/connection.ts';
import {refuseSharedTables} from '../doctor/shared-tables.ts';
import type {Run} from '../status/operations.ts';
import {withLease} from './with-lease.ts';

const HELD = 'a daemon leads this stream: use POST /sync/trigger, or stop it first';

/**
 * Runs one reconcile without a daemon. The stream's position does not move: a daemon later replays changes from
 * there, which ends in the same rows.
 *
 * @throws SyncError `lease-held` while a daemon leads
 */
export async function syncCommand(
  command: CommandContext,
  options: {mode: 'diff' | 'full'; allowDeletes?: boolean; json?: boolean},
): Promise<number> {
  const {config} = command;
  const bar = progressBar();
  const run = await withLease(command, {held: HELD}, async ({context, store, runner, events, signal}) => {
    events.on('progress', progress => bar.update(progress.rows, progress.totalRows));
    await store.tidy();
    // The first run anchors the stream before it reads, so that a daemon continues without a gap.
    const checkpoint = await checkpointOf(config);
    if (config.replicationEnabled && checkpoint?.position == null) await context.anchor(signal);
    const {ended} = await runner.start('cli', {
      mode: options.mode,
      allowDeletes: options.allowDeletes === true,
    });
    return ended;
  }).finally(() => bar.stop());
  // The code of a failure is for the answers over HTTP.
  const json = () => JSON.stringify({...run, failure: undefined}, null, 2);
  process.stdout.write(options.json === true ? `${json()}\n` : summary(run));
  return run.state === 'succeeded' ? 0 : 1;
}

/** @throws SyncError if another stream writes the same tables */
async function checkpointOf(config: Config): Promise<Checkpoint | null> {
  const target = await connect('target', config.target);
  try {
    await refuseSharedTables((sql, values) => queryRows('target', target, sql, values), config);
    return await readCheckpoint(target, config.name);
  } finally {
    target.destroy();
  }
}

function progressBar(): {update(rows: number, total: number): void; stop(): void} {
  if (process.stderr.isTTY !== true) return {update: () => undefined, stop: () => undefined};
  // The bar shares the terminal with the lines of the log.
  const bars = new MultiBar(
    {
      format: ' {bar} {percentage}% {value}/{total} rows, {eta_formatted} to go',
      stream: process.stderr,
      hideCursor: true,
      clearOnComplete: true,
    },
    Presets.shades_classic,
  );
  const bar = bars.create(1, 0);
  return {
    update(rows, total) {
      bar.setTotal(Math.max(total, rows));
      bar.update(rows);
    },
    stop: () => bars.stop(),
  };
}

function summary(run: Run): string {
  const rows = Object.entries(run.tables).map(
    ([table, {compared, repaired, deleted, deadLetters, kept}]) =>
      `  ${table.padEnd(16)} ${compared} compared, ${repaired} repaired, ${deleted} deleted, ${deadLetters} dead letters${kept === undefined ? '' : `, ${kept} kept`}`,
  );
  const error = run.error === null ? '' : `: ${run.error}`;
  return `reconcile ${run.state} in ${((run.durationMs ?? 0) / 1000).toFixed(1)} s${error}\n${rows.join('\n')}\n`;
}

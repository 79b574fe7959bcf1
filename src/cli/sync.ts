import {hostname} from 'node:os';
import {MultiBar, Presets} from 'cli-progress';
import type {CommandContext} from '../cli.ts';
import {KnownWrites, readCheckpoint} from '../apply/checkpoint.ts';
import {connect, queryRows} from '../db/connection.ts';
import {tryAcquireLease} from '../db/lease.ts';
import {assertMigrated} from '../db/migrate.ts';
import {openKnex} from '../db/models.ts';
import {refuseSharedTables} from '../doctor/shared-tables.ts';
import {SyncError} from '../errors.ts';
import {targetsOf} from '../mapping/mapping.ts';
import {ReconcileRunner} from '../reconcile-runner.ts';
import type {Run} from '../status/operations.ts';
import {RunStore} from '../status/runs.ts';
import {ReplicationContext} from '../replication-context.ts';

/**
 * One reconcile without a daemon. The stream's position stays; what a daemon replays later ends in the
 * same rows.
 *
 * @throws SyncError `lease-held` while a daemon leads
 */
export async function syncCommand(
  {config, logger, signal}: CommandContext,
  options: {mode: 'diff' | 'full'; allowDeletes?: boolean; json?: boolean},
): Promise<number> {
  const knex = await openKnex(config.target, logger);
  try {
    await assertMigrated(knex);
    const lease = await tryAcquireLease({
      config: config.target,
      stream: config.name,
      holder: `${hostname()}:${process.pid}`,
      writes: new KnownWrites(),
    });
    if (lease === null)
      throw new SyncError(
        'lease-held',
        'a daemon leads this stream: use POST /sync/trigger, or stop it first',
      );
    try {
      const store = new RunStore(knex, config.name, targetsOf(config.mapping));
      await store.tidy();
      const bar = progressBar();
      const stop = AbortSignal.any([signal, lease.lost]);
      const context = new ReplicationContext(config, lease.fence);
      const runner = new ReconcileRunner({
        config,
        context,
        store,
        logger,
        metrics: null,
        events: {
          onRun: () => undefined,
          onProgress: progress => bar.update(progress.rows, progress.totalRows),
          onForeign: () => undefined,
        },
        signal: stop,
      });
      // A first run anchors the stream before it reads, so that a daemon goes on without a gap.
      const target = await connect('target', config.target);
      const checkpoint = await refuseSharedTables(
        (sql, values) => queryRows('target', target, sql, values),
        config,
      )
        .then(() => readCheckpoint(target, config.name))
        .finally(() => target.destroy());
      if (config.replicationEnabled && checkpoint?.position == null) await context.anchor(stop);
      const {ended} = await runner.start('cli', {
        mode: options.mode,
        allowDeletes: options.allowDeletes === true,
      });
      const run = await ended;
      bar.stop();
      process.stdout.write(options.json === true ? `${JSON.stringify(run, null, 2)}\n` : summary(run));
      return run.state === 'succeeded' ? 0 : 1;
    } finally {
      await lease.release();
    }
  } finally {
    await knex.destroy();
  }
}

function progressBar(): {update(rows: number, total: number): void; stop(): void} {
  if (process.stderr.isTTY !== true) return {update: () => undefined, stop: () => undefined};
  // Beside the log's lines on the same terminal.
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

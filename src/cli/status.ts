import {z} from 'zod';
import type {CommandContext} from './program.ts';
import {readCheckpoint} from '../apply/checkpoint.ts';
import {connect, queryRows} from '../db/connection.ts';
import {assertMigrated} from '../db/migrate.ts';
import {openKnex} from '../db/models.ts';
import {targetsOf} from '../mapping/mapping.ts';
import {formatPosition} from '../position/position.ts';
import {countBoth} from '../status/poller.ts';
import {RunStore} from '../status/runs.ts';
import {askDaemon} from './daemon-client.ts';

const daemonStatus = z.looseObject({
  name: z.string(),
  isHealthy: z.boolean(),
  replication: z.looseObject({state: z.string(), lagSeconds: z.number().nullable()}),
});

/** Prints the daemon's status, or what the database holds if no daemon answers. */
export async function statusCommand({config, logger}: CommandContext, json: boolean): Promise<number> {
  const answer = daemonStatus.safeParse(await askDaemon(config, 'GET', '/sync/status'));
  const status: Record<string, unknown> =
    answer.success && answer.data.name === config.name ? answer.data : await fromDatabase({config, logger});
  if (json) process.stdout.write(`${JSON.stringify(status, null, 2)}\n`);
  else for (const line of describe(status)) process.stdout.write(`${line}\n`);
  return 0;
}

async function fromDatabase({
  config,
  logger,
}: Pick<CommandContext, 'config' | 'logger'>): Promise<Record<string, unknown>> {
  const target = await connect('target', config.target);
  const knex = await openKnex(config.target, logger);
  try {
    await assertMigrated(knex);
    const checkpoint = await readCheckpoint(target, config.name);
    const [row] = await queryRows(
      'target',
      target,
      'SELECT COUNT(*) FROM sync_dead_letter WHERE stream = ?',
      [config.name],
    );
    const counted = await countBoth(config);
    const store = new RunStore(knex, config.name, targetsOf(config.mapping));
    return {
      name: config.name,
      lastSync: await store.lastSuccess(),
      organizationService: counted.target,
      sourceDatabase: counted.source,
      isHealthy: false,
      timestamp: new Date().toISOString(),
      replication: {
        state: 'stopped',
        lagSeconds: null,
        lagBytes: null,
        position: checkpoint?.position == null ? null : formatPosition(checkpoint.position),
        lastAppliedAt:
          checkpoint?.appliedAtMs == null ? null : new Date(checkpoint.appliedAtMs).toISOString(),
        transactionsApplied: checkpoint?.transactionsApplied ?? 0,
        rowsApplied: checkpoint?.rowsApplied ?? 0,
      },
      lastRun: await store.last(),
      nextRun: null,
      deadLetters: Number(row?.[0] ?? 0),
      reasons: ['no daemon answers at HOST and PORT'],
      warnings: [],
    };
  } finally {
    await knex.destroy();
    target.destroy();
  }
}

function* describe(status: Record<string, unknown>): Generator<string> {
  for (const [name, value] of Object.entries(status)) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      yield `${name}:`;
      for (const [inner, part] of Object.entries(value)) yield `  ${inner.padEnd(22)} ${text(part)}`;
    } else yield `${name.padEnd(24)} ${text(value)}`;
  }
}

function text(value: unknown): string {
  if (value === null || value === undefined) return '-';
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.map(String).join('; ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

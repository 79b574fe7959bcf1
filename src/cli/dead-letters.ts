import {z} from 'zod';
import type {CommandContext} from './program.ts';
import {assertMigrated} from '../db/migrate.ts';
import {openKnex} from '../db/models.ts';
import {SyncError} from '../errors.ts';
import {targetsOf} from '../mapping/mapping.ts';
import {RunStore} from '../status/runs.ts';
import {askDaemon} from './daemon-client.ts';
import {withLease} from './with-lease.ts';

const PAGE = 500;
const RETRY_TIMEOUT_MS = 600_000;
const HELD = 'a daemon leads this stream but does not answer at HOST and PORT';
const retried = z.object({retried: z.number(), remaining: z.number()});

/** Lists or retries the dead letters: through the daemon if one leads, otherwise in this process. */
export async function deadLettersCommand(
  context: CommandContext,
  action: string,
  json: boolean,
): Promise<number> {
  if (action === 'list') return list(context, json);
  if (action === 'retry') return retry(context, json);
  throw new SyncError('config-invalid', `dead-letters accepts list or retry, not ${action.slice(0, 20)}`);
}

async function list({config, logger}: CommandContext, json: boolean): Promise<number> {
  const knex = await openKnex(config.target, logger);
  try {
    await assertMigrated(knex);
    const store = new RunStore(knex, config.name, targetsOf(config.mapping));
    const all = [];
    for (let after: string | null = null; ;) {
      const page: Awaited<ReturnType<RunStore['deadLetters']>> = await store.deadLetters({
        after,
        limit: PAGE,
      });
      all.push(...page.items);
      if (page.next === null) break;
      after = page.next;
    }
    if (json) process.stdout.write(`${JSON.stringify(all, null, 2)}\n`);
    else {
      for (const {table, key, code, detail, attempts, lastSeenAt} of all) {
        process.stdout.write(
          `${table.padEnd(16)} ${key.padEnd(24)} ${code.padEnd(18)} ${detail ?? '-'} ${attempts} attempts, last ${lastSeenAt}\n`,
        );
      }
      process.stdout.write(`${all.length} dead letters\n`);
    }
    return 0;
  } finally {
    await knex.destroy();
  }
}

async function retry(command: CommandContext, json: boolean): Promise<number> {
  const answer = retried.safeParse(
    await askDaemon(command.config, 'POST', '/sync/dead-letters/retry', RETRY_TIMEOUT_MS),
  );
  const outcome = answer.success
    ? answer.data
    : await withLease(command, {held: HELD}, ({runner}) => runner.retryDeadLetters());
  process.stdout.write(
    json ? `${JSON.stringify(outcome)}\n` : `${outcome.retried} retried, ${outcome.remaining} remain\n`,
  );
  return 0;
}

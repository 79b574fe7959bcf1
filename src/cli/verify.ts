import {verifyTables} from '../../reconciler/verifier.ts';
import type {CommandContext} from './program.ts';
import {assertMigrated} from '../db/migrate.ts';
import {openKnex} from '../db/models.ts';

/** @returns 0 if both sides are equal, 1 if they are not; throws if that cannot be found out */
export async function verifyCommand(
  {config, logger, signal}: CommandContext,
  json: boolean,
): Promise<number> {
  const knex = await openKnex(config.target, logger);
  await assertMigrated(knex).finally(() => knex.destroy());
  const verdict = await verifyTables(config, signal);
  if (json) process.stdout.write(`${JSON.stringify(verdict, null, 2)}\n`);
  else {
    for (const [table, counts] of Object.entries(verdict.tables)) {
      const {compared, missing, different, extra, deadLetters, foreign, kept, sampleKeys} = counts;
      const sample = sampleKeys.length === 0 ? '' : `, such as ${sampleKeys.join(' ')}`;
      process.stdout.write(
        `${table.padEnd(16)} ${compared} compared, ${missing} missing, ${different} different, ${extra} extra${sample}; ${deadLetters} dead letters, ${foreign} foreign${kept === undefined ? '' : `, ${kept} kept`}\n`,
      );
    }
    process.stdout.write(verdict.equal ? 'equal\n' : 'drift\n');
  }
  return verdict.equal ? 0 : 1;
}

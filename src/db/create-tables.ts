/** Creates missing tables of the target, by the statements of the mapping. */
import type {Knex} from 'knex';
import {SyncError} from '../errors.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {classify, errnoOf, faultName} from './faults.ts';

/** The parent has another type or engine, or no key: only its owner can change that. */
const NO_FOREIGN_KEY = new Set([1005, 1215, 1822, 1824, 3780]);

/**
 * Creates missing tables. Of several statements for one table, the first that the server accepts is used.
 * Existing tables, and tables without a statement in the mapping, are left unchanged.
 *
 * @returns the tables that were created
 * @throws SyncError `target-incompatible` if a statement is refused, or creates another table
 */
export async function createMissingTables(knex: Knex, {tables}: Pick<Mapping, 'tables'>): Promise<string[]> {
  const made: string[] = [];
  for (const {target, create} of tables) {
    if (create.length === 0 || (await knex.schema.hasTable(target))) continue;
    await createFirst(knex, target, create);
    if (!(await knex.schema.hasTable(target)))
      throw new SyncError(
        'target-incompatible',
        `the statement of create: for the table ${target} succeeded, and there is no such table: correct it in the mapping`,
      );
    made.push(target);
  }
  return made;
}

async function createFirst(
  knex: Knex,
  target: string,
  [statement, ...others]: readonly string[],
): Promise<void> {
  if (statement === undefined) return;
  try {
    await run(knex, statement);
  } catch (error) {
    const errno = errnoOf(error) ?? 0;
    if (others.length === 0 || !NO_FOREIGN_KEY.has(errno)) throw refused(target, error);
    await createFirst(knex, target, others);
  }
}

/** Names the table whose statement is at fault; a lost connection or a missing privilege is no fault of it. */
function refused(target: string, error: unknown): unknown {
  const fault = classify('target', error);
  if (fault.code !== 'target-rejected-batch') return error;
  return new SyncError(
    'target-incompatible',
    `the target refused the statement of create: for the table ${target} (${faultName(error) ?? 'no code'}): correct it in the mapping, or create the table by hand`,
    {cause: error, errno: fault.errno},
  );
}

/** knex treats a question mark as a placeholder, and a comment or a default may contain one. */
async function run(knex: Knex, statement: string): Promise<void> {
  await knex.schema.raw(statement.replaceAll('?', String.raw`\?`));
}

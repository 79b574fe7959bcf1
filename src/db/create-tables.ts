/** Creates missing tables of the target, by the statements of the mapping. */
import type {Knex} from 'knex';
import type {Mapping} from '../mapping/mapping.ts';

/** The parent has another type or engine, or no key: only its owner can change that. */
const NO_FOREIGN_KEY = new Set([1005, 1215, 1822, 1824, 3780]);

/**
 * Creates missing tables. Of several statements for one table, the first that the server accepts is used.
 * Existing tables, and tables without a statement in the mapping, are left unchanged.
 *
 * @returns the tables that were created
 */
export async function createMissingTables(knex: Knex, {tables}: Pick<Mapping, 'tables'>): Promise<string[]> {
  const made: string[] = [];
  for (const {target, create} of tables) {
    if (create.length === 0 || (await knex.schema.hasTable(target))) continue;
    await createFirst(knex, create);
    made.push(target);
  }
  return made;
}

async function createFirst(knex: Knex, [statement, ...others]: readonly string[]): Promise<void> {
  if (statement === undefined) return;
  try {
    await run(knex, statement);
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error ? Number(error.errno) : 0;
    if (others.length === 0 || !NO_FOREIGN_KEY.has(errno)) throw error;
    await createFirst(knex, others);
  }
}

/** knex treats a question mark as a placeholder, and a comment or a default may contain one. */
async function run(knex: Knex, statement: string): Promise<void> {
  await knex.schema.raw(statement.replaceAll('?', String.raw`\?`));
}

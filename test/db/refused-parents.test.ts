/**
 * A row whose parent is refused waits with it, at any depth; it is not a dead letter itself, and is written
 * after its parent.
 */
import {expect, it} from 'vitest';
import {loadConfig} from '../../src/config.ts';
import {Daemon} from '../../src/daemon.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {createMetrics} from '../../src/status/metrics.ts';
import {environment} from '../helpers/daemon.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {query, withConnection} from '../servers/databases.ts';

/** Three levels; the middle one has a companion, on which the lowest may depend instead. */
const mapping = (parent: string) => `{"version": 1, "tables": {
  "top": {"from": "tops", "key": "id", "columns": {"id": "id", "name": "name"}},
  "branch": {"from": "branches", "key": "id", "columns": {"id": "id", "top": "top", "name": "name"}, "parents": {"top": "top"}},
  "branch_more": {"from": "branches", "key": "id", "columns": {"id": "id", "top": "top", "name": "more"}, "parents": {"branch": "id", "top": "top"}},
  "leaf": {"from": "leaves", "key": "id", "columns": {"id": "id", "branch": "branch"}, "parents": {"${parent}": "branch"}}
}}`;
const SOURCE = `
  DROP TABLE IF EXISTS leaves, branches, tops;
  CREATE TABLE tops (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL);
  CREATE TABLE branches (id INT PRIMARY KEY, top INT NOT NULL, name VARCHAR(20) NOT NULL, more VARCHAR(20) NOT NULL, KEY (top), FOREIGN KEY (top) REFERENCES tops (id));
  CREATE TABLE leaves (id INT PRIMARY KEY, branch INT NOT NULL, KEY (branch), FOREIGN KEY (branch) REFERENCES branches (id))`;
const target = (references: string, parent: string) => {
  const refer = (column: string, to: string) =>
    references === 'none' ? '' : `, FOREIGN KEY (${column}) REFERENCES ${to} (id)${references}`;
  return `
    DROP TABLE IF EXISTS leaf, branch_more, branch, top;
    DELETE FROM sync_checkpoint; DELETE FROM sync_owned; DELETE FROM sync_dead_letter;
    CREATE TABLE top (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL, UNIQUE KEY (name));
    CREATE TABLE branch (id INT PRIMARY KEY, top INT NOT NULL, name VARCHAR(20) NOT NULL, KEY (top), UNIQUE KEY (name)${refer('top', 'top')});
    CREATE TABLE branch_more (id INT PRIMARY KEY, top INT NOT NULL, name VARCHAR(20) NOT NULL, KEY (top), UNIQUE KEY (name)${refer('id', 'branch')});
    CREATE TABLE leaf (id INT PRIMARY KEY, branch INT NOT NULL, KEY (branch)${refer('branch', parent)});
    INSERT INTO top VALUES (90, 'taken'); INSERT INTO branch VALUES (90, 90, 'taken'); INSERT INTO branch_more VALUES (90, 90, 'taken')`;
};

/** The table that is refused, the references by which the others wait, and the rows in the target meanwhile. */
const REFUSED = {
  top: {names: ['taken', 'b', 'c'], there: []},
  branch: {names: ['a', 'taken', 'c'], there: ['top 1']},
  branch_more: {names: ['a', 'b', 'taken'], there: ['top 1', 'branch 1']},
} as const;
const CASES = (['top', 'branch', 'branch_more'] as const).flatMap(table =>
  (['branch', 'branch_more'] as const).flatMap(parent =>
    ['none', ''].map(references => ({table, parent, references})),
  ),
);

describeEachFlavour('a chain of tables', ({server, source, target: targetDatabase}) => {
  it.each(CASES)(
    'waits below a refused row of $table, its end at $parent ($references)',
    async ({table, parent, references}) => {
      const config = {
        ...loadConfig(
          environment(
            {...server, database: source},
            {...server, database: targetDatabase},
            {USER_SYNC_ENABLED: 'false'},
          ),
        ),
        mapping: parseMapping(mapping(parent), 'chain'),
      };
      const knex = await openKnex(config.target, silentLogger);
      await migrateUp(knex, {tables: []});
      await withConnection(server, source, from =>
        withConnection(server, targetDatabase, async to => {
          await from.query(SOURCE);
          await to.query(target(references, parent));
          const stop = new AbortController();
          const metrics = createMetrics(config.name, config.mapping, {version: 'test'});
          const daemon = new Daemon({config, knex, logger: silentLogger, metrics, holder: 'test'});
          const serving = daemon.serve(stop.signal);
          const state = async () => {
            const there: string[] = [];
            for (const name of ['top', 'branch', 'branch_more', 'leaf'])
              for (const {id} of await query(to, `SELECT id FROM ${name} WHERE id <> 90 ORDER BY id`))
                there.push(`${name} ${String(id)}`);
            const letters = await query(to, 'SELECT target_table, row_key, code FROM sync_dead_letter');
            return {
              there: there.filter(row => !row.startsWith('top 1000')),
              letters: letters.map(row => Object.values(row).join(' ')),
            };
          };
          let marks = 1000;
          const streamed = async () => {
            await from.query('REPLACE INTO tops VALUES (1000, ?)', [`mark ${++marks}`]);
            const isThere = async () =>
              (await query(to, 'SELECT 1 FROM top WHERE name = ?', [`mark ${marks}`])).length === 1;
            await eventually(isThere, {timeoutMs: 20_000, what: 'the mark'});
          };
          try {
            await eventually(() => daemon.status().replication.state === 'streaming', {
              timeoutMs: 20_000,
              what: 'the first load',
            });
            const {names, there} = REFUSED[table];
            const [top, branch, more] = names;
            await from.query(
              `START TRANSACTION; INSERT INTO tops VALUES (1, '${top}'); INSERT INTO branches VALUES (1, 1, '${branch}', '${more}'); INSERT INTO leaves VALUES (1, 1); COMMIT`,
            );
            await streamed();
            const waits = table !== 'branch_more' || parent === 'branch_more';
            expect(await state()).toEqual({
              there: [...there, ...(waits ? [] : ['leaf 1'])],
              letters: [`${table} 1 unique-conflict`],
            });
            // The blocking row leaves, and the row that was refused changes.
            await to.query(`UPDATE ${table} SET name = 'other' WHERE id = 90`);
            await from.query(
              {
                top: "UPDATE tops SET name = 'free'",
                branch: "UPDATE branches SET name = 'free'",
                branch_more: "UPDATE branches SET more = 'free'",
              }[table],
            );
            await streamed();
            expect(await state()).toEqual({
              there: ['top 1', 'branch 1', 'branch_more 1', 'leaf 1'],
              letters: [],
            });
          } finally {
            stop.abort();
            await serving;
          }
        }),
      ).finally(() => knex.destroy());
    },
  );
});

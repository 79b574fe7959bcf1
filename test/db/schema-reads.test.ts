/** How much a read of the schemas asks: it must not grow with the number of tables. */
import {afterEach, beforeEach, expect, it} from 'vitest';
import {connect, coreOf, type Connection} from '../../src/db/connection.ts';
import {readCascadingKeys} from '../../src/db/cascades.ts';
import {readDefinitions, readDefinitionsOf} from '../../src/db/definitions.ts';
import {KnownParents} from '../../src/db/orphans.ts';
import {readSourceSchema, readTargetSchema} from '../../src/db/schema.ts';
import type {Config} from '../../src/config.ts';
import {loadConfig} from '../../src/config.ts';
import {parseMapping} from '../../src/mapping/file/read.ts';
import {environment} from '../helpers/daemon.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {withConnection} from '../servers/databases.ts';

const CHAIN = 3;

/** Tables in chains of three: each but the first of a chain refers to the one before. */
const tables = (count: number) =>
  Array.from({length: count}, (_, i) => ({name: `t${i}`, parent: i % CHAIN === 0 ? null : `t${i - 1}`}));

const mappingOf = (count: number) =>
  parseMapping(
    JSON.stringify({
      version: 1,
      tables: Object.fromEntries(
        tables(count).map(({name, parent}) => [
          name,
          {
            from: name,
            key: 'id',
            columns: {id: 'id', parent: 'parent'},
            ...(parent === null ? {} : {parents: {[parent]: 'parent'}}),
          },
        ]),
      ),
    }),
    'drawn',
  );

const sqlOf = (count: number, action = '') =>
  tables(count)
    .map(({name, parent}) => {
      const key =
        parent === null
          ? ''
          : `, CONSTRAINT ${name}_up FOREIGN KEY (parent) REFERENCES ${parent} (id) ${action}`;
      return `CREATE TABLE ${name} (id BIGINT PRIMARY KEY, parent BIGINT NULL, KEY parent (parent)${key})`;
    })
    .join(';');

describeEachFlavour('a read of the schemas', ({server, source, target}) => {
  let config: Config;
  let from: Connection;
  let to: Connection;
  const each = (sql: string) =>
    Promise.all(
      [source, target].map(schema =>
        withConnection(server, schema, async connection => connection.query(sql).then(() => undefined)),
      ),
    );

  beforeEach(async () => {
    config = loadConfig(environment({...server, database: source}, {...server, database: target}));
    from = await connect('source', config.source);
    to = await connect('target', config.target);
  });
  afterEach(async () => {
    from.destroy();
    to.destroy();
    const all = [...tables(60), {name: 'outside'}].map(({name}) => name);
    await each(`SET foreign_key_checks = 0; DROP TABLE IF EXISTS ${all.join(', ')}`);
  });

  /** Records the statements of a connection, which are still sent. */
  const recorded = (connection: Connection): string[] => {
    const sent: string[] = [];
    const core = coreOf(connection);
    const send = core.query.bind(core);
    core.query = (options, done) => {
      sent.push(options.sql);
      return send(options, done);
    };
    return sent;
  };
  const read = async (count: number, parents = new KnownParents(false)) => ({
    ofSource: await readSourceSchema(from, source, mappingOf(count), parents.find),
    ofTarget: await readTargetSchema(to, target, mappingOf(count)),
  });

  it('asks as much for sixty tables as for six', async () => {
    await each(sqlOf(60));
    const [asked, askedTarget] = [recorded(from), recorded(to)];
    await read(6);
    const few = [asked.length, askedTarget.length];
    expect(Math.min(...few)).toBeGreaterThan(0);
    const {ofSource, ofTarget} = await read(60);
    expect([asked.length, askedTarget.length]).toEqual(few.map(count => count * 2));
    expect(ofSource.enforced).toHaveLength(40);
    expect(ofSource.tables.size).toBe(60);
    expect(ofTarget.references).toHaveLength(40);
    for (const {columns, indexes} of ofSource.tables.values()) {
      expect(columns.map(({name, clause}) => [name, clause])).toEqual([
        ['id', ' NOT NULL'],
        ['parent', ' DEFAULT NULL'],
      ]);
      expect(indexes).toEqual([['id'], ['parent']]);
    }
  });

  it('asks about parents again only for tables that were defined since', async () => {
    await each(sqlOf(6));
    const parents = new KnownParents(false);
    const asked = recorded(from);
    const questions = () => asked.splice(0).filter(sql => sql.includes('NOT EXISTS'));
    const enforced = async () => (await read(6, parents)).ofSource.enforced.map(({child}) => child);
    expect(await enforced()).toEqual(['t1', 't2', 't4', 't5']);
    expect(questions()).toHaveLength(1);
    expect(await enforced()).toEqual(['t1', 't2', 't4', 't5']);
    expect(questions()).toEqual([]);
    await withConnection(server, source, async sql => {
      await sql.query(
        'SET foreign_key_checks = 0; INSERT INTO t1 VALUES (1, 7); INSERT INTO t5 VALUES (1, 7)',
      );
    });
    parents.forget(new Set(['t4']));
    expect(await enforced()).toEqual(['t1', 't2', 't4']);
    const [question = '', ...others] = questions();
    expect(others).toEqual([]);
    expect([...question.matchAll(/FROM `(t\d)` c/g)].map(([, child]) => child)).toEqual(['t4', 't5']);
  });

  it('proves nothing of a reference with an orphan, and all of the others', async () => {
    await each(sqlOf(60));
    await withConnection(server, source, async sql => {
      await sql.query('SET foreign_key_checks = 0; INSERT INTO t10 VALUES (1, 7), (2, NULL)');
      await sql.query('INSERT INTO t0 VALUES (1, NULL); INSERT INTO t1 VALUES (1, 1)');
    });
    const {ofSource} = await read(60);
    expect(ofSource.enforced).toHaveLength(39);
    expect(ofSource.enforced.map(({child}) => child)).not.toContain('t10');
  });

  it('keeps every definition but those that the server refuses', async () => {
    await each(sqlOf(9));
    const names = ['absent', ...tables(9).map(({name}) => name), 'gone', 'lost'];
    const definitions = await readDefinitions(
      'source',
      from,
      names.map(table => ({schema: source, table})),
    );
    const found = definitions.map(one =>
      'text' in one ? /CREATE TABLE `(\w+)`/.exec(one.text)?.[1] : one.refusal.errno,
    );
    expect(found).toEqual([1146, ...names.slice(1, 10), 1146, 1146]);
  });

  it('follows cascades through tables that are not mapped, however many are', async () => {
    await each(`CREATE TABLE outside (id BIGINT PRIMARY KEY);${sqlOf(60)}`);
    await withConnection(server, source, async sql => {
      await sql.query('ALTER TABLE t3 ADD FOREIGN KEY (parent) REFERENCES outside (id) ON DELETE CASCADE');
    });
    // Definitions stand for a mapping of more than 500 tables, which no test needs to create.
    const mapped = new Map(await readDefinitionsOf('source', from, source, ['t3']));
    for (let i = 0; i < 600; i++) mapped.set(`more${i}`, {text: ''});
    const {keys, known} = await readCascadingKeys(from, source, mapped);
    expect(keys.map(({referencedTable}) => referencedTable)).toEqual(['outside']);
    expect(known.size).toBe(602);
  });
});

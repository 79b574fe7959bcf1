/**
 * Measures a wide mapping: 40 tables of 30 columns, in ten chains of four levels. All columns are copied, so that the
 * cost is that of the columns, the parents and the number of tables.
 */
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {catchUpWith} from './catch-up.ts';
import {lastRun, trigger} from './first-load.ts';
import {BenchDaemon, median, openStand, runCli, type Stand} from './stand.ts';

const WIDE_TABLES = 40;
const WIDE_COLUMNS = 30;
const LEVELS = 4;
const ROWS_A_TABLE = 5000;
const WIDE_ROWS = WIDE_TABLES * ROWS_A_TABLE;
const SINGLES_A_TABLE = 100;

export interface Wide {
  /** Seconds for the same rows, written by one server from its own tables. */
  readonly limitMs: number;
  readonly loadMs: number;
  readonly reconcileMs: number;
  /** Seconds for one transaction per table that changes all of its rows. */
  readonly bulkMs: number;
  /** Seconds for transactions of one row, over all tables. */
  readonly singlesMs: number;
  readonly singles: number;
  readonly peakBytes: number;
}

const TYPES = ['VARCHAR(60) NULL', 'BIGINT NULL', 'DATETIME NULL', 'DECIMAL(12,2) NULL'] as const;
const VALUES = [
  (n: string) => `CONCAT('some text ', ${n})`,
  (n: string) => `${n} * 7919`,
  (n: string) => `'2024-01-01 00:00:00' + INTERVAL ${n} MINUTE`,
  (n: string) => `${n} / 100`,
] as const;

const tables = Array.from({length: WIDE_TABLES}, (_, index) => ({
  name: `wide${index}`,
  parent: index % LEVELS === 0 ? null : `wide${index - 1}`,
}));
const columns = Array.from({length: WIDE_COLUMNS - 2}, (_, i) => ({
  name: `c${i}`,
  type: TYPES[i % 4],
  value: VALUES[i % 4],
}));

/** @throws Error if the two sides differ at the end */
export async function measureWide(): Promise<Wide> {
  const folder = mkdtempSync(join(tmpdir(), 'laas-sync-wide-'));
  const stand = await openStand({edition: 'mariadb'});
  try {
    const file = join(folder, 'wide.yaml');
    writeFileSync(file, mapping());
    const env = {...stand.env, SYNC_MAPPING: file};
    await stand.s.query(tables.map(definition).join(';'));
    await stand.t.query(tables.map(definition).join(';'));
    await fill(stand);
    const limitMs = await limit(stand);
    await runCli(['migrate'], env);
    const daemon = await BenchDaemon.start(env);
    const loadMs = (await lastRun(daemon)).durationMs;
    const reconcileMs = (await trigger(daemon)).durationMs;
    const bulk = await catchUpWith(stand, daemon, WIDE_TABLES, async () => {
      for (const {name} of tables)
        await stand.s.query(`UPDATE ${name} SET c0 = CONCAT(c0, '!'), c1 = c1 + 1`);
    });
    const singles = WIDE_TABLES * SINGLES_A_TABLE;
    const single = await catchUpWith(stand, daemon, singles, async () => {
      for (let i = 1; i <= SINGLES_A_TABLE; i++)
        await stand.s.query(
          tables.map(({name}) => `UPDATE ${name} SET c1 = c1 + 1 WHERE id = ${i}`).join(';'),
        );
    });
    const peakBytes = daemon.memory().peak;
    await daemon.stop();
    const {code} = await runCli(['verify'], env);
    if (code !== 0) throw new Error('the target is not equal after the load');
    return {limitMs, loadMs, reconcileMs, bulkMs: bulk.ms, singlesMs: single.ms, singles, peakBytes};
  } finally {
    await stand.close();
    rmSync(folder, {recursive: true, force: true});
  }
}

/** Returns the section of the report, from the medians of several runs. */
export function* renderWide(runs: readonly Wide[]): Generator<string> {
  const mid = (pick: (run: Wide) => number) => median(runs.map(pick));
  const cost = (ms: number, rows: number) => ((ms * 1000) / rows).toFixed(1);
  const [limitMs, loadMs, singles] = [
    mid(run => run.limitMs),
    mid(run => run.loadMs),
    mid(run => run.singles),
  ];
  yield `## A wide mapping: ${WIDE_TABLES} tables of ${WIDE_COLUMNS} columns, in chains of ${LEVELS} levels`;
  yield '';
  yield `${WIDE_ROWS.toLocaleString('en')} rows, each copied column by column.`;
  yield '';
  yield '| what | µs a row | |';
  yield '|---|---|---|';
  yield `| first load | ${cost(loadMs, WIDE_ROWS)} | ${(loadMs / limitMs).toFixed(1)} times INSERT … SELECT inside one server |`;
  yield `| reconcile without drift | ${cost(
    mid(run => run.reconcileMs),
    WIDE_ROWS,
  )} | |`;
  yield `| one transaction for each table that changes all of its rows | ${cost(
    mid(run => run.bulkMs),
    WIDE_ROWS,
  )} | |`;
  yield `| ${singles.toLocaleString('en')} single-row transactions over all tables | ${cost(
    mid(run => run.singlesMs),
    singles,
  )} | |`;
  yield '';
  yield `Our peak memory: ${Math.round(mid(run => run.peakBytes) / 1048576)} MB.`;
}

function definition({name, parent}: (typeof tables)[number]): string {
  const own = columns.map(column => `${column.name} ${column.type}`).join(', ');
  const reference =
    parent === null ? '' : `, CONSTRAINT ${name}_parent FOREIGN KEY (parent) REFERENCES ${parent} (id)`;
  return `CREATE TABLE ${name} (id BIGINT NOT NULL PRIMARY KEY, parent BIGINT NULL, ${own}, KEY parent (parent)${reference}) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4`;
}

function mapping(): string {
  const lines = ['version: 1', 'tables:'];
  for (const {name, parent} of tables) {
    const names = ['id', 'parent', ...columns.map(column => column.name)];
    lines.push(`  ${name}:`, `    from: ${name}`, '    key: id', '    columns:');
    lines.push(...names.map(column => `      ${column}: ${column}`));
    if (parent !== null) lines.push(`    parents: {${parent}: parent}`);
  }
  return `${lines.join('\n')}\n`;
}

async function fill({s}: Stand): Promise<void> {
  for (const {name, parent} of tables) {
    const values = columns.map(({value}) => value?.('i') ?? 'NULL').join(', ');
    await s.query(
      `INSERT INTO ${name} WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS_A_TABLE}) SELECT i, ${parent === null ? 'NULL' : 'i'}, ${values} FROM n`,
    );
  }
}

async function limit({s}: Stand): Promise<number> {
  await s.query('CREATE DATABASE lim CHARACTER SET utf8mb4; USE lim');
  await s.query(tables.map(definition).join(';'));
  const began = performance.now();
  for (const {name} of tables) await s.query(`INSERT INTO lim.${name} SELECT * FROM laas.${name}`);
  const ms = performance.now() - began;
  await s.query('USE laas; DROP DATABASE lim');
  return ms;
}

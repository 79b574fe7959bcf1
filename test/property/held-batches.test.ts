/**
 * Many transactions of the source in one batch, under foreign keys whose effects are not in its log: by the stream
 * alone, or with the reconcile that it asks for, the target is equal to what the oracle computes from the source.
 * SEED and RUNS in the environment repeat a run or make it longer.
 */
import {appendFileSync} from 'node:fs';
import fc from 'fast-check';
import {expect, it} from 'vitest';
import {SyncError} from '../../src/errors.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';
import {
  statementOf,
  transactionsDraw,
  worldDraw,
  worldOf,
  type Transactions,
  type World,
} from './cascade-draws.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 6);

/** Errors that random work causes: a key that exists already, a missing parent, a row that others refer to, no parent at all. */
const REFUSALS = new Set([1062, 1451, 1452, 1761, 1762, 1048]);

const roundDraw = fc.record({
  hold: fc.constantFrom('held', 'held', 'held', 'held', 'free', 'paused', 'large'),
  transactions: transactionsDraw,
});
type Round = typeof roundDraw extends fc.Arbitrary<infer T> ? T : never;

describeEachFlavour(`batches that were held (seed ${SEED})`, ({server, source, target}) => {
  const places = {source: {server, database: source}, target: {server, database: target}};

  async function work(
    stand: MappedStand,
    world: World,
    transactions: Transactions,
    filler: number,
  ): Promise<string[]> {
    const done: string[] = [];
    for (const steps of transactions) {
      await stand.source.query('START TRANSACTION');
      for (const step of steps) {
        const sql = statementOf(world, step, filler);
        try {
          const [{affectedRows}] = (await stand.source.query(sql)) as unknown as [{affectedRows: number}];
          if (affectedRows > 0) done.push(sql);
        } catch (error) {
          if (!(error instanceof Error && 'errno' in error && REFUSALS.has(Number(error.errno)))) throw error;
        }
      }
      await stand.source.query('COMMIT');
      done.push('COMMIT');
    }
    return done;
  }

  async function held(stand: MappedStand, hold: Round['hold'], during: () => Promise<void>): Promise<void> {
    if (hold === 'paused') await stand.daemon.pause();
    else if (hold !== 'free')
      await stand.target.query('START TRANSACTION; SELECT * FROM sync_checkpoint FOR UPDATE');
    await during();
    if (hold === 'paused') await stand.daemon.resume();
    else if (hold !== 'free') await stand.target.query('COMMIT');
  }

  /** How many reconciles there were, and the one that is due. */
  async function reconciles(stand: MappedStand): Promise<string> {
    const [row] = await query(
      stand.target,
      'SELECT (SELECT COUNT(*) FROM sync_run) AS runs, reconcile_owed AS pending FROM sync_checkpoint',
    );
    return `${String(row?.['runs'])} ${String(row?.['pending'])}`;
  }

  async function arrived(stand: MappedStand): Promise<void> {
    await stand.source.query('INSERT INTO marks VALUES ()');
    const [mark] = await query(stand.source, 'SELECT MAX(id) AS id FROM marks');
    const isThere = async () =>
      (await query(stand.target, 'SELECT 1 FROM marks WHERE id = ?', [mark?.['id']])).length === 1;
    await eventually(isThere, {timeoutMs: 20_000, intervalMs: 5, what: 'the mark'});
  }

  /** Waits for the reconcile that the stream asked for. One that would wait for others is started here. */
  async function reconciled(stand: MappedStand): Promise<void> {
    const since = performance.now();
    const isDone = async () => {
      const [row] = await query(stand.target, 'SELECT reconcile_owed AS owed FROM sync_checkpoint');
      const isRunning = stand.daemon.status().currentRun !== null;
      if (row?.['owed'] === '' && !isRunning) return true;
      if (!isRunning && performance.now() - since > 250)
        await stand.daemon.trigger({mode: 'diff', allowDeletes: true}).then(({ended}) => ended, ignoreActive);
      return false;
    };
    await eventually(isDone, {timeoutMs: 20_000, intervalMs: 10, what: 'no reconcile to come'});
  }

  const ignoreActive = (error: unknown) => {
    if (!(error instanceof SyncError && error.code === 'run-active')) throw error;
  };

  const check = async (world: World, before: Transactions, rounds: readonly Round[]): Promise<void> => {
    await using stand = await MappedStand.open(
      {server, source, target},
      {tables: world.mapping, from: world.source, to: world.target},
    );
    const done: string[] = [...(await work(stand, world, before, 0))];
    await using oracle = await GraphOracle.open(stand.config.mapping, places.source, places.target);
    await stand.started();
    expect(stand.fault).toBeNull();
    for (const {hold, transactions} of rounds) {
      done.push(`-- ${hold}`);
      const known = await reconciles(stand);
      await held(stand, hold, async () => {
        done.push(...(await work(stand, world, transactions, hold === 'large' ? 300_000 : 0)));
      });
      await arrived(stand);
      const isAlone = (await reconciles(stand)) === known;
      if (!isAlone) await reconciled(stand);
      stats[isAlone ? 'alone' : 'owed']++;
      const differences = await oracle.differences();
      if (differences.length > 0)
        throw new Error(
          `${isAlone ? 'by the stream alone' : 'with a reconcile'}: ${differences.join('\n')}\n${done.join(';\n')}`,
        );
    }
  };
  const stats = {alone: 0, owed: 0};

  it('end in the rows of the source, with no run to come', {timeout: 3_600_000}, async () => {
    await fc.assert(
      fc.asyncProperty(
        worldDraw,
        transactionsDraw,
        fc.array(roundDraw, {minLength: 3, maxLength: 6}),
        async (draw, before, rounds) => {
          const world = worldOf(draw);
          try {
            await check(world, before, rounds);
          } catch (error) {
            appendFileSync(
              `/tmp/held-fail-${server.port}-${SEED}.log`,
              `=====\n${String(error)}\n${world.source}\n${world.target}\n`,
            );
            throw new Error(
              `${String(error)}\n${JSON.stringify(world.mapping)}\n${world.source}\n${world.target}`,
              {cause: error},
            );
          }
        },
      ),
      {
        numRuns: RUNS,
        ...(process.env['SHRINK'] === undefined
          ? {}
          : {interruptAfterTimeLimit: Number(process.env['SHRINK']) * 1000, markInterruptAsFailure: true}),
        seed: SEED,
        endOnFailure: process.env['SHRINK'] === undefined,
        ...(process.env['REPLAY'] === undefined ? {} : {path: process.env['REPLAY']}),
      },
    );
    appendFileSync('/tmp/held-stats.log', `${server.port} ${SEED} ${JSON.stringify(stats)}\n`);
  });
});

/**
 * Many transactions of the source in one batch, under foreign keys whose effects are not in its log: by the stream
 * alone, or with the reconcile that it asks for, the target is equal to what the oracle computes from the source.
 * SEED and RUNS in the environment repeat a run or make it longer.
 */
import {fc} from '../helpers/draws.ts';
import {expect, it} from 'vitest';
import {SyncError} from '../../src/errors.ts';
import {eventually} from '../helpers/eventually.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {GraphOracle} from '../helpers/graph-oracle.ts';
import {MappedStand} from '../helpers/mapped-stand.ts';
import {query} from '../servers/databases.ts';
import {
  fillDraw,
  statementOf,
  transactionsDraw,
  worldDraw,
  worldOf,
  type Transactions,
  type World,
} from './cascade-draws.ts';

const SEED = Number(process.env['SEED'] ?? 1);
const RUNS = Number(process.env['RUNS'] ?? 4);

/** Errors that random work causes: a key that exists, a missing parent, a row that others refer to, no parent at all. */
const REFUSALS = new Set([1048, 1062, 1451, 1452, 1761, 1762]);

/** With so many bytes in each row that is written, a round is several batches. */
const FILLER = 300_000;
/** A reconcile that waits for others longer than this is started by the test. */
const WAIT_MS = 250;

const roundDraw = fc.record({
  hold: fc.constantFrom('held', 'held', 'held', 'held', 'free', 'paused', 'large'),
  transactions: transactionsDraw,
});
type Round = typeof roundDraw extends fc.Arbitrary<infer T> ? T : never;

/** A stale row may outlive its source row until the next reconcile (docs/mapping.md, Keys and indexes). */
const isNoStaleRow = (difference: string) => !difference.includes(': must not be there:');

describeEachFlavour(`batches that were held (seed ${SEED})`, ({flavour, server, source, target}) => {
  const places = {source: {server, database: source}, target: {server, database: target}};

  async function work(stand: MappedStand, world: World, work: Transactions, filler = 0): Promise<string[]> {
    const done: string[] = [];
    for (const steps of work) {
      await stand.source.query('START TRANSACTION');
      for (const step of steps) {
        const sql = statementOf(world, step, filler);
        try {
          await stand.source.query(sql);
          done.push(sql);
        } catch (error) {
          if (!(error instanceof Error && 'errno' in error && REFUSALS.has(Number(error.errno)))) throw error;
        }
      }
      await stand.source.query('COMMIT');
      done.push('COMMIT');
    }
    return done;
  }

  /** Keeps the target as it is during some work, which is then one batch, or a few. */
  async function held<T>(stand: MappedStand, hold: Round['hold'], during: () => Promise<T>): Promise<T> {
    if (hold === 'free') return during();
    if (hold === 'paused') await stand.daemon.pause();
    else await stand.target.query('START TRANSACTION; SELECT * FROM sync_checkpoint FOR UPDATE');
    const done = await during();
    if (hold === 'paused') await stand.daemon.resume();
    else await stand.target.query('COMMIT');
    return done;
  }

  const reconciles = async ({target}: MappedStand) =>
    (
      await query(
        target,
        'SELECT (SELECT COUNT(*) FROM sync_run) AS runs, reconcile_owed AS owed FROM sync_checkpoint',
      )
    )[0];

  async function arrived(stand: MappedStand): Promise<void> {
    await stand.source.query('INSERT INTO marks VALUES ()');
    const [mark] = await query(stand.source, 'SELECT MAX(id) AS id FROM marks');
    const isThere = async () =>
      (await query(stand.target, 'SELECT 1 FROM marks WHERE id = ?', [mark?.['id']])).length === 1;
    await eventually(isThere, {timeoutMs: 20_000, intervalMs: 5, what: 'the mark'});
  }

  async function reconciled(stand: MappedStand): Promise<void> {
    const since = performance.now();
    const isDone = async () => {
      const isRunning = stand.daemon.status().currentRun !== null;
      if ((await reconciles(stand))?.['owed'] === '' && !isRunning) return true;
      if (!isRunning && performance.now() - since > WAIT_MS) await startRun(stand);
      return false;
    };
    await eventually(isDone, {timeoutMs: 20_000, intervalMs: 10, what: 'no reconcile to come'});
  }

  /** The due run may begin at the same time. */
  async function startRun({daemon}: MappedStand): Promise<void> {
    try {
      await (
        await daemon.trigger({mode: 'diff', allowDeletes: true})
      ).ended;
    } catch (error) {
      if (!(error instanceof SyncError && error.code === 'run-active')) throw error;
    }
  }

  const rounds = {alone: 0, reconciled: 0};
  async function check(world: World, before: Transactions, drawn: readonly Round[]): Promise<void> {
    await using stand = await MappedStand.open(
      {server, source, target},
      {tables: world.mapping, from: world.source, to: world.target},
    );
    const done = await work(stand, world, before);
    await using oracle = await GraphOracle.open(stand.config.mapping, places.source, places.target);
    await stand.started();
    expect(stand.fault).toBeNull();
    const mayBeStale = world.hasChecks && flavour === 'mariadb';
    for (const {hold, transactions} of drawn) {
      const known = await reconciles(stand);
      const filler = hold === 'large' ? FILLER : 0;
      done.push(`-- ${hold}`, ...(await held(stand, hold, () => work(stand, world, transactions, filler))));
      await arrived(stand);
      const after = await reconciles(stand);
      const isAlone = after?.['owed'] === '' && after['runs'] === known?.['runs'];
      if (!isAlone) await reconciled(stand);
      rounds[isAlone ? 'alone' : 'reconciled']++;
      const differences = await oracle.differences(world.hasChecks ? 'lenient' : 'exact');
      const found = mayBeStale ? differences.filter(isNoStaleRow) : differences;
      const how = isAlone ? 'by the stream alone' : 'with a reconcile';
      expect(found, [how, ...found, ...done].join('\n')).toEqual([]);
    }
  }

  it('end in the rows of the source, with no run to come', {timeout: 3_600_000}, async () => {
    const drawnRounds = fc.noBias(fc.array(roundDraw, {minLength: 3, maxLength: 6}));
    await fc.assert(
      fc.asyncProperty(worldDraw, fillDraw, drawnRounds, async (draw, fill, drawn) => {
        const world = worldOf(draw);
        try {
          await check(world, [fill], drawn);
        } catch (error) {
          const sql = `${JSON.stringify(world.mapping)}\n${world.source}\n${world.target}`;
          throw new Error(`${String(error)}\n${sql}`, {cause: error});
        }
      }),
      {
        numRuns: RUNS,
        seed: SEED,
        endOnFailure: process.env['SHRINK'] === undefined,
        ...(process.env['REPLAY'] === undefined ? {} : {path: process.env['REPLAY']}),
      },
    );
    expect(rounds.alone).toBeGreaterThan(RUNS);
  });
});

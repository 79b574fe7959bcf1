/** The record of runs: it is read page by page, and trimmed automatically. */
import {afterAll, beforeAll, expect, it} from 'vitest';
import type {Knex} from 'knex';
import {loadConfig} from '../../src/config.ts';
import {migrateUp} from '../../src/db/migrate.ts';
import {openKnex} from '../../src/db/models.ts';
import {silentLogger} from '../helpers/silent-logger.ts';
import {noOutcomes, RunStore} from '../../src/status/runs.ts';
import {environment} from '../helpers/daemon.ts';
import {describeEachFlavour} from '../helpers/flavours.ts';
import {LAAS} from '../helpers/laas-mapping.ts';

const DAY_MS = 86_400_000;

describeEachFlavour('the run history', ({server, source, target}) => {
  let knex: Knex;
  beforeAll(async () => {
    knex = await openKnex(
      loadConfig(environment({...server, database: source}, {...server, database: target})).target,
      silentLogger,
    );
    await migrateUp(knex, LAAS);
  });
  afterAll(() => knex?.destroy());

  const dateBack = (runId: string, days: number) =>
    knex('sync_run')
      .where('run_id', runId)
      .update({started_at: new Date(Date.now() - days * DAY_MS)});

  it('drops its own stream’s runs of over 90 days when the next run begins', async () => {
    const store = new RunStore(knex, 'trimmed', ['user']);
    const other = new RunStore(knex, 'another', ['user']);
    const finish = async (of: RunStore) =>
      of.end(await of.begin('schedule', 'diff'), 'succeeded', noOutcomes(['user']), null);
    const [old, recent, foreign] = [await finish(store), await finish(store), await finish(other)];
    await dateBack(old.runId, 91);
    await dateBack(recent.runId, 89);
    await dateBack(foreign.runId, 91);
    const next = await finish(store);
    const kept = (await store.list({after: null, limit: 10})).items.map(run => run.runId);
    expect(kept).toEqual([next.runId, recent.runId]);
    expect(await store.find(old.runId)).toBeNull();
    expect((await other.list({after: null, limit: 10})).items).toHaveLength(1);
  });

  it('keeps runs of the same millisecond apart when it is paged', async () => {
    const store = new RunStore(knex, 'paged', ['user']);
    const begun = [];
    for (let i = 0; i < 5; i++) begun.push(await store.begin('api', 'full'));
    await knex('sync_run')
      .where('stream', 'paged')
      .update({started_at: new Date(Date.now() - DAY_MS)});
    const seen: string[] = [];
    let after: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof store.list>> = await store.list({after, limit: 2});
      seen.push(...page.items.map(run => run.runId));
      after = page.next;
    } while (after !== null);
    expect(seen.toSorted()).toEqual(begun.map(run => run.runId).toSorted());
    expect(new Set(seen).size).toBe(5);
  });
});

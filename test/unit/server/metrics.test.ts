import {describe, expect, it} from 'vitest';
import {createMetrics} from '../../../src/status/metrics.ts';
import {LAAS} from '../../helpers/laas-mapping.ts';
import {samplesOf} from '../../helpers/metrics.ts';
import {status} from './recording-operations.ts';

const samples = async (metrics: ReturnType<typeof createMetrics>, now = status()) =>
  samplesOf(await metrics.render(now), 'production');

describe('metrics', () => {
  it('have the stream’s name on every sample, also on those of the process', async () => {
    expect((await samples(createMetrics('production', LAAS))).size).toBeGreaterThan(20);
  });

  it('count the reports of the pipeline', async () => {
    const metrics = createMetrics('production', LAAS, {process: false, version: '1.2.3'});
    metrics.transactionsApplied(3);
    metrics.rowsApplied('user', 'upsert', 5);
    metrics.rowsApplied('user', 'delete', 2);
    metrics.batchApplied({rows: 7, bytes: 900, ms: 4}, ['user', 'user_auth']);
    metrics.commitToVisible(3);
    metrics.reconcileEnded({mode: 'diff', state: 'succeeded', ms: 4500});
    metrics.drift('user', 'repaired', 4);
    metrics.deadLetters('invalid-email', 6);
    metrics.reconnected('stream-silent');
    metrics.leader(true);
    const seen = await samples(metrics);
    expect(Object.fromEntries(seen)).toMatchObject({
      sync_transactions_applied_total: 3,
      'sync_rows_applied_total{table="user",kind="upsert"}': 5,
      'sync_rows_applied_total{table="user",kind="delete"}': 2,
      'sync_rows_applied_total{table="institute",kind="delete"}': 0,
      sync_batches_applied_total: 1,
      'sync_table_batches_applied_total{table="user_auth"}': 1,
      sync_batch_rows_sum: 7,
      sync_batch_bytes_sum: 900,
      sync_batch_seconds_sum: 0.004,
      sync_commit_to_visible_seconds_sum: 0.003,
      'sync_reconcile_seconds_sum{mode="diff",state="succeeded"}': 4.5,
      'sync_drift_rows_total{table="user",kind="repaired"}': 4,
      'sync_dead_letters{code="invalid-email"}': 6,
      'sync_dead_letters{code="rejected"}': 0,
      'sync_reconnects_total{reason="stream-silent"}': 1,
      sync_leader: 1,
    });
    expect([...seen.keys()].find(name => name.startsWith('sync_build_info'))).toContain('version="1.2.3"');
  });

  it('read state, lag and counts from the status', async () => {
    const seen = await samples(createMetrics('production', LAAS, {process: false}));
    expect(Object.fromEntries(seen)).toMatchObject({
      sync_lag_seconds: 0.012,
      sync_lag_bytes: 0,
      sync_last_contact_seconds: 0.5,
      sync_last_applied_seconds: 2,
      sync_healthy: 1,
      'sync_state{state="streaming"}': 1,
      'sync_rows{side="source",table="user"}': 1200,
      'sync_rows{side="target",table="institute_users"}': 1500,
      'sync_foreign_rows{table="user"}': 3,
      sync_reconcile_needs_confirmation: 0,
    });
  });

  it('omit unknown values, rather than say 0', async () => {
    const metrics = createMetrics('production', LAAS, {process: false});
    await metrics.render(status());
    const seen = await samples(
      metrics,
      status(
        {organizationService: null, foreignRows: null},
        {lagSeconds: null, lagBytes: null, lastContactAt: null, state: 'starting'},
      ),
    );
    for (const name of [
      'sync_lag_seconds',
      'sync_lag_bytes',
      'sync_last_contact_seconds',
      'sync_reconcile_progress_ratio',
      'sync_state{state="streaming"}',
      'sync_rows{side="target",table="user"}',
      'sync_foreign_rows{table="user"}',
    ]) {
      expect(seen.has(name), name).toBe(false);
    }
    expect(seen.get('sync_state{state="starting"}')).toBe(1);
  });
});

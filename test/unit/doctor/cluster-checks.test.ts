import {describe, expect, it} from 'vitest';
import {limitFindings} from '../../../src/doctor/cluster-limits.ts';
import {endpointFindings, galeraFindings} from '../../../src/doctor/cluster-checks.ts';
import type {Finding} from '../../../src/doctor/findings.ts';

const brief = (findings: readonly Finding[]) => findings.map(({check, level}) => `${level} ${check}`);

describe('a node of Galera', () => {
  const node = (side: 'source' | 'target', status: Record<string, string>) =>
    brief(
      galeraFindings(
        {side},
        new Map(
          Object.entries({
            wsrep_cluster_status: 'Primary',
            wsrep_ready: 'ON',
            wsrep_local_state_comment: 'Synced',
            wsrep_cluster_size: '3',
            wsrep_local_cert_failures: '0',
            ...status,
          }),
        ),
      ),
    );

  it('must be part of its cluster, Synced, the only writer and one of three', () => {
    expect(node('target', {})).toEqual(['ok cluster']);
    expect(node('source', {wsrep_cluster_status: 'non-Primary', wsrep_ready: 'OFF'})).toEqual([
      'must-fix cluster',
    ]);
    expect(node('target', {wsrep_ready: 'OFF'})).toEqual(['must-fix cluster']);
    expect(node('source', {wsrep_local_state_comment: 'Donor/Desynced'})).toEqual(['warning cluster']);
    expect(node('source', {wsrep_cluster_size: '2'})).toEqual(['ok cluster', 'warning cluster-size']);
    expect(node('target', {wsrep_local_cert_failures: '4'})).toEqual([
      'ok cluster',
      'warning cluster-writers',
    ]);
  });
});

describe('a server of RDS or Aurora', () => {
  const endpoint = (side: 'source' | 'target', platform: 'rds' | 'aurora', host: string, readOnly = 'OFF') =>
    brief(endpointFindings({side, platform}, host, new Map([['innodb_read_only', readOnly]])));

  it('is reached by the name of its writer, never by an address, a reader or a proxy', () => {
    expect(endpoint('target', 'aurora', 'c.cluster-x.eu-west-1.rds.amazonaws.com')).toEqual(['ok cluster']);
    expect(endpoint('source', 'rds', 'i.x.eu-west-1.rds.amazonaws.com')).toEqual(['ok cluster']);
    expect(endpoint('source', 'rds', '10.0.0.7')).toEqual(['warning cluster']);
    expect(endpoint('source', 'aurora', 'c.cluster-ro-x.eu-west-1.rds.amazonaws.com')).toEqual([
      'must-fix cluster',
    ]);
    expect(endpoint('source', 'aurora', 'c.cluster-x.eu-west-1.rds.amazonaws.com', 'ON')).toEqual([
      'must-fix cluster',
    ]);
    expect(endpoint('target', 'rds', 'p.proxy-x.eu-west-1.rds.amazonaws.com')).toEqual(['must-fix cluster']);
  });
});

describe('the largest transaction of a cluster', () => {
  const limits = (found: Record<string, string>, side: 'source' | 'target' = 'target') =>
    limitFindings(
      {
        side,
        platform: 'own',
        info: {flavour: 'mariadb', version: '', versionParts: [10, 11, 0], identity: '', hasGtids: true},
      },
      new Map(Object.entries(found)),
    );

  it('must not be small on the target', () => {
    expect(limits({wsrep_max_ws_rows: '0', wsrep_max_ws_size: '2147483647'})).toEqual([]);
    expect(limits({group_replication_transaction_size_limit: '0'})).toEqual([]);
    expect(limits({wsrep_max_ws_rows: '131072'}, 'source')).toEqual([]);
    expect(
      limits({wsrep_max_ws_rows: '131072', group_replication_transaction_size_limit: '1000000'}),
    ).toMatchObject([
      {level: 'warning', fix: expect.stringContaining('wsrep_max_ws_rows = 0')},
      {level: 'warning', message: 'group_replication_transaction_size_limit is 1000000'},
    ]);
  });
});

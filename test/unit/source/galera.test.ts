import {describe, expect, it} from 'vitest';
import {galeraGtids, onThisNode} from '../../../src/source/galera.ts';

const node = (changed: Record<string, string> = {}) =>
  galeraGtids(
    new Map(
      Object.entries({
        wsrep_on: 'ON',
        wsrep_gtid_mode: 'ON',
        wsrep_gtid_domain_id: '1',
        log_slave_updates: 'ON',
        gtid_domain_id: '12',
        ...changed,
      }),
    ),
  );

describe('GTIDs of a node of Galera', () => {
  it('belong to the cluster if it numbers and logs all of them', () => {
    expect(node()).toEqual({areShared: true, localDomain: '12'});
    expect(node({wsrep_on: 'OFF'})).toBeNull();
    for (const changed of [{wsrep_gtid_mode: 'OFF'}, {log_slave_updates: 'OFF'}, {gtid_domain_id: '1'}])
      expect(node(changed)).toMatchObject({areShared: false});
  });

  it.each([
    ['1-7-100', '1-7-101', '1-7-101', '1-7-100'],
    // Nothing is shared with a log that does not know the domain.
    ['1-7-100', '12-7-5', '', ''],
    // Transactions of the previous node alone are unknown here.
    ['1-7-100,11-7-3', '1-7-100', '1-7-100', '1-7-100'],
    // Transactions of this node alone are left out.
    ['1-7-100', '1-7-100,12-7-5', '1-7-100,12-7-5', '1-7-100,12-7-5'],
    ['1-7-100,12-7-9', '1-7-100,12-7-5', '1-7-100,12-7-5', '1-7-100,12-7-5'],
    // Transactions of a primary outside of the cluster are the same on all nodes.
    ['1-7-100,5-9-40', '1-7-100,5-9-44', '1-7-100,5-9-44', '1-7-100,5-9-40'],
  ])('%s is found if the log is %s and ends at %s', (saved, state, end, expected) => {
    expect(onThisNode(saved, {areShared: true, localDomain: '12'}, {state, end})).toBe(expected);
  });
});

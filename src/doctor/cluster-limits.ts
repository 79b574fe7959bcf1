/**
 * Checks how large a transaction a cluster accepts. A transaction of the source becomes one of the target, and a
 * deleted row takes its children with it, so that a small limit stops the stream.
 */
import {warning, type Finding} from './findings.ts';
import {settingFix, type Probe} from './probe.ts';

interface Limit {
  /** A transaction of laas-sync stays below this, unless it deletes very many children. */
  readonly least: number;
  readonly advised: number;
  readonly unlimited: number | null;
}

const MIB = 1024 * 1024;
const LIMITS: Readonly<Record<string, Limit>> = {
  wsrep_max_ws_rows: {least: 1_000_000, advised: 0, unlimited: 0},
  wsrep_max_ws_size: {least: 64 * MIB, advised: 2_147_483_647, unlimited: null},
  group_replication_transaction_size_limit: {least: 64 * MIB, advised: 150_000_000, unlimited: 0},
};
export const LIMIT_NAMES = Object.keys(LIMITS);

/** @param found the server's variables. Pure. */
export function limitFindings(
  probe: Pick<Probe, 'side' | 'platform' | 'info'>,
  found: ReadonlyMap<string, string>,
): Finding[] {
  if (probe.side !== 'target') return [];
  return Object.entries(LIMITS).flatMap(([name, {least, advised, unlimited}]) => {
    const value = Number(found.get(name) ?? least);
    if (value >= least || value === unlimited) return [];
    return [
      warning('target', 'cluster-limits', {
        message: `${name} is ${value}`,
        why: 'the cluster refuses a larger transaction, and the stream cannot pass it',
        fix: settingFix(probe, name, String(advised)),
      }),
    ];
  });
}

/** Gives the HTTP thread a higher scheduling priority than replication, so that status stays responsive under load. */
import {readFileSync} from 'node:fs';
import {getPriority, setPriority} from 'node:os';

/** Steps of nice(2): three times the weight of a thread without any, so that others still get turns. */
const STEPS = 5;
/** linux/capability.h */
const CAP_SYS_NICE = 23n;

/**
 * Raises the priority of the calling thread if that is allowed (CAP_SYS_NICE, or a limit as systemd's
 * LimitNICE=-5), and has no effect otherwise. On Linux, and only there, setpriority(2) affects one thread.
 */
export function raiseThreadPriority(): void {
  if (process.platform !== 'linux') return;
  const nice = Math.max(-20, getPriority() - STEPS);
  try {
    // Check before the call, because a filter of system calls may end the process for it.
    if (!mayHave(nice, read('/proc/self/status'), read('/proc/self/limits'))) return;
    setPriority(nice);
  } catch {
    // There is no /proc, or the capability counts only in a namespace: the thread keeps its normal priority.
  }
}

/** @param status and `limits`: a process's files of these names in proc(5) */
export function mayHave(nice: number, status: string, limits: string): boolean {
  const [, capabilities = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  if (((BigInt(`0x${capabilities}`) >> CAP_SYS_NICE) & 1n) === 1n) return true;
  const [, limit = '0'] = /^Max nice priority\s+(\w+)/m.exec(limits) ?? [];
  return limit === 'unlimited' || 20 - Number(limit) <= nice;
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

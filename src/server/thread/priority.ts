/** The server's thread goes before the stream's on a full machine: that is when people ask how things are. */
import {readFileSync} from 'node:fs';
import {getPriority, setPriority} from 'node:os';

/** Steps of nice(2): three times the weight of a thread that has none, so that others still get turns. */
const STEPS = 5;
/** linux/capability.h */
const CAP_SYS_NICE = 23n;

/**
 * Raises the priority of the calling thread where it may (CAP_SYS_NICE, or a limit as systemd's LimitNICE=-5),
 * and does nothing elsewhere. On Linux, and there alone, setpriority(2) is about one thread.
 */
export function raiseThreadPriority(): void {
  if (process.platform !== 'linux') return;
  const nice = Math.max(-20, getPriority() - STEPS);
  try {
    // Looked up before it is tried, since a filter of system calls may end the process for the attempt.
    if (!mayHave(nice, read('/proc/self/status'), read('/proc/self/limits'))) return;
    setPriority(nice);
  } catch {
    // No /proc, or a capability that counts in a namespace only: then it goes as all others do.
  }
}

/** @param status and `limits`, as proc(5) has them of a process */
export function mayHave(nice: number, status: string, limits: string): boolean {
  const [, capabilities = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? [];
  if (((BigInt(`0x${capabilities}`) >> CAP_SYS_NICE) & 1n) === 1n) return true;
  const [, limit = '0'] = /^Max nice priority\s+(\w+)/m.exec(limits) ?? [];
  return limit === 'unlimited' || 20 - Number(limit) <= nice;
}

function read(path: string): string {
  return readFileSync(path, 'utf8');
}

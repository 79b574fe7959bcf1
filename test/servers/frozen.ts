/** Waits until SIGSTOP has stopped a process: it reaches the threads one after the other. */
import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import {setTimeout as sleep} from 'node:timers/promises';

const LIMIT_MS = 5000;

export async function untilFrozen(pid: number): Promise<void> {
  const tasks = `/proc/${pid}/task`;
  if (!existsSync(tasks)) return; // There is no /proc, so rely on the signal.
  const deadline = Date.now() + LIMIT_MS;
  while (!(await allStopped(tasks))) {
    if (Date.now() > deadline) throw new Error(`process ${pid} did not stop on SIGSTOP`);
    await sleep(5);
  }
}

async function allStopped(tasks: string): Promise<boolean> {
  const ids = await readdir(tasks);
  const stats = await Promise.all(ids.map(id => readFile(`${tasks}/${id}/stat`, 'utf8').catch(() => '')));
  // The state follows the name, which is in parentheses and may contain any character.
  return stats.every(stat => stat === '' || stat.slice(stat.lastIndexOf(')') + 2).startsWith('T'));
}

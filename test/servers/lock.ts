/** A lock between processes, so that two test runs do not fill the cache at once. */
import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {isAlive} from './places.ts';

const WAIT_MS = 15 * 60_000;

/** Runs `work` while holding `path`; the lock of a process that died is taken over. */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await mkdir(dirname(path), {recursive: true});
  const deadline = Date.now() + WAIT_MS;
  while (!(await take(path))) {
    if (Date.now() > deadline) throw new Error(`another process has held ${path} for too long`);
    await removeIfStale(path);
    await sleep(100);
  }
  try {
    return await work();
  } finally {
    await rm(path, {recursive: true, force: true});
  }
}

async function take(path: string): Promise<boolean> {
  try {
    await mkdir(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(join(path, 'pid'), String(process.pid));
  return true;
}

async function removeIfStale(path: string): Promise<void> {
  const owner = Number(await readFile(join(path, 'pid'), 'utf8').catch(() => ''));
  // The file has no number while the lock is being taken or released.
  if (owner === 0 || isAlive(owner)) return;
  // Rename it first, so that only one of several waiting processes removes it.
  const aside = `${path}.${process.pid}`;
  await rename(path, aside).catch(() => undefined);
  await rm(aside, {recursive: true, force: true});
}

/** Where servers keep their files, and how files of dead processes are distinguished from those of live ones. */
import {mkdtempSync, readdirSync, readFileSync, rmSync} from 'node:fs';
import {homedir, tmpdir} from 'node:os';
import {join} from 'node:path';

const WORK_DIR = /^laas-sync-(\d+)-/;

/** The files that outlive a run: the MySQL root and the template data directories. */
export function cacheDir(): string {
  return join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'laas-sync');
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/**
 * Creates a directory for one server, named after this process, so that a later process can recognise it as
 * stale.
 */
export function makeWorkDir(root: string): string {
  const base = baseOf(root);
  removeStale(base);
  return mkdtempSync(join(base, `laas-sync-${process.pid}-`));
}

/** Inside a chroot the server sees only what lies below it. */
function baseOf(root: string): string {
  return root === '' ? tmpdir() : join(root, 'tmp');
}

/** Removes the files of dead processes: only a crash of the machine, or of a watchdog, leaves any. */
function removeStale(base: string): void {
  for (const name of readdirSync(base)) {
    const owner = WORK_DIR.exec(name)?.[1];
    if (owner === undefined || isAlive(Number(owner))) continue;
    const dir = join(base, name);
    endServerOf(dir, name);
    rmSync(dir, {recursive: true, force: true});
  }
}

function endServerOf(dir: string, name: string): void {
  try {
    const pid = Number(readFileSync(join(dir, 'pid'), 'utf8'));
    // A number may have been given to another process since: its command line says whether it is ours.
    if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(name)) process.kill(pid, 'SIGKILL');
  } catch {
    // No file or no such process: nothing runs there.
  }
}

/** `npm run demo` as its own program: the first command of a newcomer must work, and leave nothing behind. */
import {type ChildProcess, spawn} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect, it, onTestFinished} from 'vitest';
import {eventually} from '../helpers/eventually.ts';

const PROGRAM = join(import.meta.dirname, '../../dist/test/demo/main.js');

/** In a process group of its own, as a terminal would run it. */
function demo(...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, '--users', '50', ...args], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => (said += String(chunk)));
  const ended = new Promise<number | null>(resolve => child.on('close', code => resolve(code)));
  const pid = child.pid ?? 0;
  onTestFinished(() => {
    if (child.exitCode === null) process.kill(-pid, 'SIGKILL');
  });
  return {
    pid,
    ended,
    said: () => said,
    until: (pattern: RegExp) =>
      eventually(() => pattern.exec(said) ?? false, {timeoutMs: 30_000, what: String(pattern)}),
    /** Sends what ^C sends: the signal reaches every process of the group. */
    interrupt: () => process.kill(-pid, 'SIGINT'),
  };
}

/** Files named after the demo's process, and processes whose command line names them. */
function leftBehind(pid: number): string[] {
  const name = `laas-sync-${pid}-`;
  const files = readdirSync(tmpdir()).filter(entry => entry.startsWith(name));
  const processes = readdirSync('/proc').filter(entry => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(name);
    } catch {
      return false; // it ended meanwhile
    }
  });
  return [...files, ...processes];
}

it('shows a busy stream at the address it prints, and verifies both sides as equal', async () => {
  const running = demo('--seconds', '12');
  const [, url = ''] = await running.until(/dashboard: (http\S+)/);
  const page = await fetch(url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining('Run reconcile')]);
  const status = async () =>
    (await (await fetch(`${url}sync/status`)).json()) as {
      replication: {rowsApplied: number; state: string};
      lastRun: {trigger: string; tables: Record<string, {repaired: number}>} | null;
      deadLetters: number;
    };
  const before = await status();
  await eventually(
    async () => {
      const {replication, lastRun, deadLetters} = await status();
      expect(replication.rowsApplied).toBeGreaterThan(before.replication.rowsApplied + 20);
      expect(lastRun?.trigger).toBe('api');
      expect(lastRun?.tables['user']?.repaired).toBeGreaterThan(0);
      expect(deadLetters).toBeGreaterThan(0);
      return true;
    },
    {timeoutMs: 20_000, what: 'that the panels move'},
  );
  expect(await running.ended, running.said()).toBe(0);
  expect(running.said()).toContain('laas-sync verify: exit 0');
  expect(running.said()).toMatch(/rows in laas: .* \| rows in organizations: .*streaming/);
  await eventually(() => {
    expect(leftBehind(running.pid)).toEqual([]);
    return true;
  });
});

it.each([
  ['the servers start', /starting two/],
  ['the daemon starts', /source and target: /],
  ['it is at work', /rows in laas/],
])('^C while %s ends it at once with 0, and leaves nothing', async (_phase, sign) => {
  const running = demo();
  await running.until(sign);
  running.interrupt();
  expect(await running.ended, running.said()).toBe(0);
  expect(running.said()).toContain('stopped; nothing is left behind');
  await eventually(() => {
    expect(leftBehind(running.pid)).toEqual([]);
    return true;
  });
});

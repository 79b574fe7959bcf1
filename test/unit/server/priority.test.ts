/** The priority of the server's thread, as the kernel shows it. */
import {execFileSync} from 'node:child_process';
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {describe, expect, it} from 'vitest';
import {mayHave} from '../../../src/server/thread/priority.ts';
import {listeningThread} from './thread-under-test.ts';

const BUILT = join(import.meta.dirname, '../../../dist/src/server/thread/priority.js');
const LIMITS = (nice: string) =>
  `Max locked memory  8388608  8388608  bytes\nMax nice priority  ${nice}  0\n`;
const NONE = 'CapPrm:\t000001ffffffffff\nCapEff:\t0000000000000000\n';

describe('what a process may have', () => {
  it.each([
    ['nothing', NONE, LIMITS('0'), false],
    ['a limit that ends before it', NONE, LIMITS('24'), false],
    ['a limit that reaches it', NONE, LIMITS('25'), true],
    ['no limit', NONE, LIMITS('unlimited'), true],
    ['the capability', 'CapEff:\t0000000000800000\n', LIMITS('0'), true],
    ['all capabilities but this', 'CapEff:\t000001ffff7fffff\n', LIMITS('0'), false],
    ['what cannot be read', '', '', false],
  ])('with %s', (_what, status, limits, expected) => {
    expect(mayHave(-5, status, limits)).toBe(expected);
  });
});

/** The limits of this process, as in proc(5). */
function own(): [status: string, limits: string] {
  return [readFileSync('/proc/self/status', 'utf8'), readFileSync('/proc/self/limits', 'utf8')];
}

/** The nice value after a rise. */
function risen(from: number, start: readonly string[] = []): number {
  const program = `
    require('os').setPriority(${from});
    import(${JSON.stringify(BUILT)}).then(m => { m.raiseThreadPriority(); console.log(require('os').getPriority()); })`;
  return Number(execFileSync('env', [...start, process.execPath, '-e', program], {encoding: 'utf8'}));
}

/** Root in a container has it seldom. */
const mayRaise = process.getuid?.() === 0 && mayHave(-20, ...own());

it.skipIf(!mayRaise)(
  'rises by five steps with the capability, and stays without it',
  {timeout: 30_000},
  () => {
    expect(risen(0)).toBe(-5);
    expect(risen(10)).toBe(5);
    expect(risen(-18)).toBe(-20);
    expect(risen(10, ['setpriv', '--bounding-set=-sys_nice', '--inh-caps=-sys_nice'])).toBe(10);
  },
);

it('changes for the server’s thread only', async () => {
  const niceOf = (thread: string) =>
    Number(readFileSync(`/proc/self/task/${thread}/stat`, 'utf8').split(') ')[1]?.split(' ')[16]);
  const before = new Set(readdirSync('/proc/self/task'));
  const nice = Math.min(...[...before].map(niceOf));
  await listeningThread();
  const made = readdirSync('/proc/self/task').filter(thread => !before.has(thread));
  const may = mayHave(nice - 5, ...own());
  expect(made.map(niceOf).filter(value => value < nice)).toEqual(may ? [nice - 5] : []);
  expect([...before].map(niceOf).filter(value => value < nice)).toEqual([]);
});

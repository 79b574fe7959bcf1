/**
 * Ends a server and removes its files when this process has ended in any way, SIGKILL included.
 *
 * A shell, in a session of its own, reads from a pipe that only this process holds open. Its end of file means
 * that this process has ended; earlier lines say what to kill.
 */
import {spawn} from 'node:child_process';

const SCRIPT = `
victim=
while read -r order value; do
  case $order in
    run) victim=$value ;;
    done) exit 0 ;;
  esac
done
case $victim in
  '') ;;
  docker:*) docker rm -f "\${victim#docker:}" ;;
  *) kill -KILL "$victim"; sleep 0.2 ;;
esac
rm -rf "$1" || { sleep 1; rm -rf "$1"; }
`;

export interface Watchdog {
  /** What to end: a process, `docker:NAME`, or nothing at present (''). */
  watch(victim: string): void;
  /** Nothing is left to watch. */
  release(): void;
}

export function startWatchdog(workDir: string): Watchdog {
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'laas-sync-watchdog', workDir], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Neither the shell nor its pipe keeps this process alive.
  child.unref();
  const {stdin} = child;
  if ('unref' in stdin && typeof stdin.unref === 'function') stdin.unref();
  stdin.on('error', () => undefined); // it was killed: the next run clears up instead
  return {
    watch: victim => void stdin.write(`run ${victim}\n`),
    release: () => void stdin.end('done\n'),
  };
}

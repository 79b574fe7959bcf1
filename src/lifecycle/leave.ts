/** Ends a process or a thread whose work is over, even if a library still holds a timer or a socket. */
import type {Logger} from '../logger.ts';

const GRACE_MS = 1000;

/**
 * Ends it after a second. By then connections are closed, so nothing should be left to wait for; the log names what
 * still is.
 */
export function leaveSoon(logger: Logger | null): void {
  setTimeout(() => {
    // Only kinds, such as Timeout or TCPSocketWrap.
    const holding = process.getActiveResourcesInfo();
    logger?.warn({event: 'exit.held', holding}, 'exiting, although something is still open');
    process.exit();
  }, GRACE_MS).unref();
}

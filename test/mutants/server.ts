/** Mutants of the server's thread beside a busy or hung daemon. */
import type {Mutant} from './mutant.ts';

const REMOTE = 'src/server/thread/remote-operations.ts';
const THREAD = 'test/unit/server/thread.test.ts';

export const SERVER: readonly Mutant[] = [
  {
    name: 'status-from-before-the-answer',
    edits: [
      [
        REMOTE,
        'receive',
        'this.#known = message.known;',
        "if (message.tag === 'probed') this.#known = message.known;",
      ],
    ],
    answers: ['status'],
    test: [THREAD, 'shows the effect of a POST'],
  },
  {
    name: 'probe-without-a-limit',
    edits: [[REMOTE, 'refresh', '}, PROBE_WAIT_MS);', '}, 1000 * PROBE_WAIT_MS);']],
    answers: ['status'],
    test: [THREAD, 'answers with the last known status'],
  },
  {
    name: 'late-answer-forgotten-at-once',
    edits: [[REMOTE, 'BUSY_FOR_MS', '1000', '0']],
    answers: ['status'],
    test: ['test/unit/server/remote-operations.test.ts', 'waits for no answer'],
  },
  {
    name: 'hanging-daemon-taken-for-a-busy-one',
    edits: [
      [
        REMOTE,
        'isAnswering',
        'return this.#silentMs() < this.#silentAfterMs;',
        'return this.#silentMs() < Infinity;',
      ],
    ],
    answers: ['status'],
    test: [THREAD, 'says so when it hangs'],
  },
  {
    name: 'thread-that-ends-unseen',
    edits: [
      [
        'src/server/thread/host.ts',
        'runServerThread',
        "if (ended === 'stopped') resolve();",
        "if (ended === 'stopped' || ended === null) resolve();",
      ],
    ],
    answers: ['status'],
    test: [THREAD, 'rejects if it ends'],
  },
  {
    name: 'words-of-a-driver-cross-to-the-edge',
    edits: [
      [
        'src/server/thread/faults.ts',
        'toFault',
        "return {kind: 'foreign', described: describeError(error)};",
        "return {kind: 'sync', code: 'internal', message: String(error), errno: undefined};",
      ],
    ],
    answers: ['invariant 8', 'privacy'],
    test: [THREAD, 'fails without a foreign error’s message'],
  },
];

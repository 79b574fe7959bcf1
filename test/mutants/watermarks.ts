/** Mutants of the watermarks: a reconcile beside the stream. */
import type {Mutant} from './mutant.ts';

export const WATERMARKS: readonly Mutant[] = [
  {
    name: 'snapshot-older-than-the-stream',
    edits: [
      [
        'reconciler/batch.ts',
        'readBatch',
        'if (stream === null || covers(snapshot, stream))',
        'if (stream === null || covers(snapshot, stream) || snapshot)',
      ],
    ],
    answers: ['invariant 4', 'watermarks', '#1'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has applied'],
  },
  {
    name: 'snapshot-below-what-the-stream-has-passed',
    edits: [
      [
        'src/source/watermark.ts',
        'covers',
        'compareOffsets(low, stream.offset) >= 0',
        'compareOffsets(low, stream.offset) >= -1e9',
      ],
    ],
    answers: ['invariant 4', 'watermarks', '#1'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has applied'],
  },
  {
    name: 'snapshot-without-what-the-stream-has-passed',
    edits: [
      [
        'src/source/watermark.ts',
        'covers',
        'setCovers(snapshot.low.set, stream.position.set)',
        'setCovers(stream.position.set, stream.position.set)',
      ],
    ],
    answers: ['invariant 4', 'watermarks', '#1'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has applied'],
    flavour: 'mysql',
  },
  {
    name: 'batch-from-the-future',
    edits: [
      [
        'reconciler/repair.ts',
        'repairBatch',
        'if (batch.high !== null) await tap.reached(batch.high, signal);',
        'void tap;',
      ],
    ],
    answers: ['invariant 4', 'watermarks'],
    test: ['test/db/snapshots.test.ts', 'for a batch shows what the stream has applied'],
  },
  {
    name: 'window-closed-before-the-batch-is-written',
    edits: [
      [
        'reconciler/batch.ts',
        'readBatch',
        'const window = tap.open();',
        'const window = tap.open(); window.close();',
      ],
    ],
    answers: ['invariant 4', 'watermarks'],
    test: ['test/fault/watermarks.test.ts', '#1 ends equal'],
    within: 'surrogate',
  },
  {
    name: 'stream-and-batches-write-at-once',
    edits: [
      [
        'src/apply/apply-lock.ts',
        '#admit',
        "(next.kind === 'stream' && this.#chunks > 0)",
        "(next.kind === 'stream' && this.#chunks > 9)",
      ],
    ],
    answers: ['invariant 4', 'watermarks'],
    test: ['test/unit/apply/apply-lock.test.ts', 'lets reconciler batches run together'],
  },
  {
    name: 'reads-of-now-before-the-engine-has-committed',
    edits: [
      [
        'src/source/watermark.ts',
        'waitUntilVisible',
        'if (await isVisible(connection, info, need)) return;',
        'await isVisible(connection, info, need); return;',
      ],
    ],
    answers: ['invariant 3', 'watermarks', 'dependants'],
    test: ['test/db/snapshots.test.ts', 'of current rows waits until'],
  },
];

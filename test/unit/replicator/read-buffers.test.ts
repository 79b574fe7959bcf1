import {constants, PerformanceObserver, type PerformanceEntry} from 'node:perf_hooks';
import {expect, it} from 'vitest';
import {ReadBuffers} from '../../../replicator/source/read-buffers.ts';

const CHUNK_BYTES = 64 * 1024;
const MEBIBYTE = 1024 * 1024;

/** Reads chunks as a socket does, each into a new buffer, and returns the most that the buffers held at once. */
function peakOf(megabytes: number, read: (bytes: number) => void): number {
  const before = process.memoryUsage().arrayBuffers;
  let peak = 0;
  for (let bytes = 0; bytes < megabytes * MEBIBYTE; bytes += CHUNK_BYTES) {
    Buffer.allocUnsafeSlow(CHUNK_BYTES);
    read(CHUNK_BYTES);
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before);
  }
  return peak / MEBIBYTE;
}

it('keeps a few megabytes of read buffers, where V8 by itself keeps 32', () => {
  const buffers = new ReadBuffers();
  expect(peakOf(256, bytes => buffers.read(bytes))).toBeLessThan(26);
});

it('collects nothing before eight megabytes were read', async () => {
  let minor = 0;
  const count = (entries: readonly PerformanceEntry[]) => {
    for (const entry of entries) {
      const {kind} = (entry as PerformanceEntry & {readonly detail: {readonly kind: number}}).detail;
      if (kind === constants.NODE_PERFORMANCE_GC_MINOR) minor++;
    }
  };
  const observer = new PerformanceObserver(list => count(list.getEntries()));
  observer.observe({entryTypes: ['gc']});
  const collections = async (bytes: number) => {
    const buffers = new ReadBuffers();
    minor = 0;
    buffers.read(bytes);
    await new Promise(resolve => setImmediate(resolve));
    count(observer.takeRecords());
    return minor;
  };
  expect([await collections(8 * MEBIBYTE - 1), await collections(8 * MEBIBYTE)]).toEqual([0, 1]);
  observer.disconnect();
});

it('leaves no collector to the code of others', () => {
  new ReadBuffers().read(8 * MEBIBYTE);
  expect('gc' in globalThis).toBe(false);
});

import {describe, expect, it} from 'vitest';
import {KnownWrites} from '../../../src/apply/checkpoint.ts';

describe('a write of the leader', () => {
  it('counts once if the row is read before its answer arrives', () => {
    const writes = new KnownWrites();
    writes.begins(5);
    writes.found(6);
    writes.committed();
    expect(writes.count).toBe(6);
    writes.committed();
    expect(writes.count).toBe(7);
  });

  it('counts from the next read on if its answer was lost', () => {
    const writes = new KnownWrites();
    writes.begins(5);
    expect(writes.count).toBe(5);
    writes.found(6);
    expect(writes.count).toBe(6);
    writes.committed();
    writes.found(7);
    expect(writes.count).toBe(7);
  });

  it('of before a restore does not count', () => {
    const writes = new KnownWrites();
    writes.begins(5);
    writes.committed();
    writes.begins(2);
    expect(writes.count).toBe(2);
  });
});

import {describe, expect, it} from 'vitest';
import {classify, faultName} from '../../../src/db/faults.ts';

const refusal = (errno: number, sqlState = 'HY000') =>
  Object.assign(new Error('Duplicate entry "secret@x.test"'), {errno, sqlState, code: 'ER_SOME'});

describe('a fault of a server', () => {
  it('has a message that says what to do if the target accepts no writes', () => {
    expect(classify('target', refusal(1290))).toMatchObject({
      code: 'target-unreachable',
      message: expect.stringContaining(
        'is read-only (error 1290): connect to the server that accepts writes',
      ),
    });
    expect(classify('target', refusal(1114))).toMatchObject({
      code: 'target-rejected-batch',
      message: expect.stringContaining('the disk of the target, or one of its tables, is full'),
    });
    expect(classify('target', refusal(1142, '42000'))).toMatchObject({
      code: 'access-denied',
      message: expect.stringContaining('doctor prints the grants'),
    });
  });

  it('says that a server is in offline mode, and what to do', () => {
    for (const side of ['source', 'target'] as const)
      expect(classify(side, refusal(3032))).toMatchObject({
        code: `${side}-unreachable`,
        message: `the ${side} is in offline mode (error 3032): switch offline_mode off there, or connect to another server`,
      });
  });

  it.each([1047, 1180, 3100, 3101, 3781, 3782, 3783, 3796, 3797, 3798, 3799])(
    'is one of a node that its cluster has lost, with error %i',
    errno => {
      for (const side of ['source', 'target'] as const)
        expect(classify(side, refusal(errno))).toMatchObject({
          code: `${side}-unreachable`,
          message: expect.stringContaining('cluster'),
        });
    },
  );

  it('is called by its number, since the driver names all errors by the list of MySQL', () => {
    for (const code of ['ER_OF_ANOTHER_SERVER', undefined]) {
      const error = Object.assign(new Error('secret'), {errno: 4095, sqlState: 'HY000', code});
      expect(classify('target', error).message).toBe('the target refused a statement (error 4095)');
      expect(classify('source', error).message).toBe('the source refused a statement (error 4095)');
      expect(faultName(error)).toBe('error 4095');
    }
    const reset = Object.assign(new Error('reset'), {errno: -104, code: 'ECONNRESET'});
    expect(classify('target', reset).message).toBe('the target cannot be used (ECONNRESET)');
    expect(faultName(new Error('of ours'))).toBeUndefined();
  });

  it('never quotes the server’s message, which may contain a value', () => {
    for (const errno of [1062, 1290, 1114, 1142, 1047, 2013, 1644])
      for (const side of ['source', 'target'] as const)
        expect(classify(side, refusal(errno)).message).not.toContain('secret');
  });
});

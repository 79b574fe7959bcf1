/** The parts of an error that may be logged: no text of a library or a server. */
import {PassThrough} from 'node:stream';
import {describe, expect, it} from 'vitest';
import {SyncError} from '../../src/errors.ts';
import {adoptConsole, createLogger, describeError} from '../../src/logger.ts';

/** An error as mysql2 creates it, with the row's value and the statement. */
const refusal = Object.assign(new Error("Duplicate entry 'secret.mail@x.test' for key 'user_email_unique'"), {
  code: 'ER_DUP_ENTRY',
  errno: 1062,
  sql: "INSERT INTO user VALUES (1, 'secret.mail@x.test')",
});

describe('an error', () => {
  it('of a server is reported by its number, since the driver may name it wrongly', () => {
    expect(describeError(refusal)).toEqual({code: 'error 1062', errno: 1062, at: expect.any(String)});
    expect(JSON.stringify(describeError(refusal))).not.toContain('secret');
  });

  it('of ours is logged with its message, and with only the name of its cause', () => {
    const error = new SyncError('target-rejected-batch', 'the target refused it', {
      cause: refusal,
      errno: 1062,
    });
    expect(describeError(error)).toEqual({
      code: 'target-rejected-batch',
      message: 'the target refused it',
      errno: 1062,
      cause: 'error 1062',
    });
  });

  it('of a driver is reported by its code', () => {
    const lost = Object.assign(new Error('it went away'), {code: 'ECONNRESET', errno: -104});
    expect(describeError(lost)).toMatchObject({code: 'ECONNRESET'});
    expect(describeError(new TypeError('secret'))).toMatchObject({code: 'TypeError'});
  });

  it('that is not an Error is reported by its type', () => {
    expect(describeError('secret.mail@x.test')).toEqual({code: 'string'});
  });
});

describe('a line that a library prints', () => {
  it('becomes one of the log, without its words', () => {
    const output = new PassThrough();
    const library = {} as Console;
    adoptConsole(createLogger({logLevel: 'debug', logFormat: 'json', name: 'default'}, output), library);
    library.error("got 'secret.mail@x.test' out of order");
    const line = String(output.read());
    expect(JSON.parse(line)).toMatchObject({level: 'debug', event: 'library.line'});
    expect(line).not.toContain('secret');
  });
});

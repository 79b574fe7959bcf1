import {describe, expect, it} from 'vitest';
import {appUnderTest} from './app-under-test.ts';
import {deadLetter, run} from './recording-operations.ts';

describe('GET /sync/runs', () => {
  it('pages newest first, each page naming the next', async () => {
    const {call, operations} = appUnderTest();
    operations.history = [run('c'), run('b', 'failed'), run('a')];
    const first = await (await call('/sync/runs?limit=2')).json();
    expect(first).toEqual({items: [run('c'), run('b', 'failed')], next: 'b'});
    const second = await (await call('/sync/runs?limit=2&after=b')).json();
    expect(second).toEqual({items: [run('a')], next: null});
  });

  it.each([
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=many', 'limit'],
    ['after=', 'after'],
  ])('answers 400 to ?%s, naming %s', async (query, field) => {
    const {call} = appUnderTest();
    const response = await call(`/sync/runs?${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({success: false, error: 'invalid-request', field});
  });
});

describe('GET /sync/runs/:id', () => {
  it('answers with the run', async () => {
    const {call} = appUnderTest();
    expect(await (await call('/sync/runs/run-1')).json()).toEqual(run('run-1'));
  });

  it('answers 404 if there is none', async () => {
    const {call} = appUnderTest();
    const response = await call('/sync/runs/run-99');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({success: false, error: 'not-found', field: 'id'});
  });
});

describe('GET /sync/dead-letters', () => {
  it('pages, and can be narrowed to a table', async () => {
    const {call, operations} = appUnderTest();
    operations.letters = [
      deadLetter('1'),
      deadLetter('2'),
      deadLetter('7', {table: 'institute', code: 'value-too-long'}),
    ];
    expect(await (await call('/sync/dead-letters?limit=2')).json()).toEqual({
      items: [deadLetter('1'), deadLetter('2')],
      next: 'user:2',
    });
    const narrowed = await (await call('/sync/dead-letters?table=institute')).json();
    expect(narrowed).toEqual({
      items: [deadLetter('7', {table: 'institute', code: 'value-too-long'})],
      next: null,
    });
  });

  it('answers 400 to a table that does not exist', async () => {
    const {call} = appUnderTest();
    expect(await (await call('/sync/dead-letters?table=passwords')).json()).toMatchObject({field: 'table'});
  });
});

describe('POST /sync/dead-letters/retry', () => {
  it('says how many were tried and how many are left', async () => {
    const {post, operations} = appUnderTest();
    operations.letters = [deadLetter('1'), deadLetter('2')];
    expect(await (await post('/sync/dead-letters/retry')).json()).toMatchObject({
      success: true,
      retried: 2,
      remaining: 1,
    });
  });
});

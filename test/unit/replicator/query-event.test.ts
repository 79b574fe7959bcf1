import {expect, it} from 'vitest';
import {readQuery} from '../../../replicator/source/query-event.ts';

/** An event with two status variables: the SQL mode, and the collation of the session. */
function event(sql: string, collation: number): Buffer {
  const variables = Buffer.alloc(16);
  variables.writeUInt8(1, 0);
  variables.writeUInt8(4, 9);
  variables.writeUInt16LE(collation, 10);
  const head = Buffer.alloc(13);
  head.writeUInt8(4, 8);
  head.writeUInt16LE(variables.length, 11);
  return Buffer.concat([head, variables, Buffer.from(`laas\0${sql}`)]);
}

it.each([
  [45, 'DROP TABLE `a[b]`', 'DROP TABLE `a[b]`'],
  [10, 'DROP TABLE ~bung', 'DROP TABLE \ufffdbung'],
  [82, 'DROP TABLE caf`', 'DROP TABLE caf\ufffd'],
])('the statement of a session in the collation %i: %j', (collation, sql, read) => {
  const buffer = event(sql, collation);
  expect(readQuery({buffer, from: 0, to: buffer.length}, false)).toEqual({
    database: 'laas',
    databases: null,
    sql: read,
  });
});

/** Rows are sent in bulk only to a server that offers this and was asked for it. */
import {expect, it} from 'vitest';
import {canBulk} from '../../../src/db/bulk.ts';

const BULK_OFFERED = {mariadbExtendedCapabilityFlags: 4};

it.each([
  ['MariaDB 10.5 and later', BULK_OFFERED, true, true],
  ['MariaDB before 10.5, from which the driver requests nothing', BULK_OFFERED, false, false],
  ['MySQL', {mariadbExtendedCapabilityFlags: 0}, false, false],
])('%s', (_, hello, wasAsked, expected) => {
  expect(canBulk({_handshakePacket: hello, _mariadbExtendedMetadata: wasAsked})).toBe(expected);
});

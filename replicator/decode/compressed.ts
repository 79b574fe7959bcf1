/**
 * What MariaDB compresses: values of columns that are declared COMPRESSED, and whole row events
 * (`log_bin_compress`). Pure.
 *
 * Source: MariaDB's sql/field_comp.cc and sql/log_event.cc (binlog_buf_uncompress).
 */
import {inflateRawSync, inflateSync} from 'node:zlib';

const METHOD_ZLIB = 8;
const IS_RAW = 8;

/**
 * A value of a COMPRESSED column. Its first byte tells how it is stored: the upper half is the method, where 0
 * is none; of zlib's, the lower three bits are the bytes of the length that follows.
 *
 * @throws RangeError for a method that we do not know
 */
export function inflateValue(stored: Buffer): Buffer {
  const head = stored[0];
  if (head === undefined) return stored;
  const method = head >> 4;
  if (method === 0) return stored.subarray(1);
  if (method !== METHOD_ZLIB)
    throw new RangeError(`a value is compressed by the method ${method}, which is not known`);
  const deflated = stored.subarray(1 + (head & 7));
  return (head & IS_RAW) === 0 ? inflateSync(deflated) : inflateRawSync(deflated);
}

/**
 * The images of a compressed row event.
 *
 * @throws RangeError for a method that we do not know
 */
export function inflateImages(stored: Buffer): Buffer {
  const head = stored[0] ?? 0;
  // The highest bit is always set, the three behind it are the method, and 0 is zlib.
  if (head >> 4 !== 8) throw new RangeError('a row event is compressed by a method that is not known');
  return inflateSync(stored.subarray(1 + (head & 7)));
}

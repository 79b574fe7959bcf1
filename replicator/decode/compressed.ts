/**
 * Decompresses what MariaDB compresses: values of columns that are declared COMPRESSED, and whole row events
 * (`log_bin_compress`). Pure.
 *
 * Source: MariaDB's sql/field_comp.cc and sql/log_event.cc (binlog_buf_uncompress).
 */
import {inflateRawSync, inflateSync} from 'node:zlib';

const METHOD_ZLIB = 8;
const IS_RAW = 8;

/**
 * A value of a COMPRESSED column. Its first byte says how it is stored. The upper half is the method, where 0 is
 * none; for zlib, the lower three bits are the number of bytes of the length that follows.
 *
 * @throws RangeError if the method is unknown
 */
export function inflateValue(stored: Buffer): Buffer {
  const head = stored[0];
  if (head === undefined) return stored;
  const method = head >> 4;
  if (method === 0) return stored.subarray(1);
  if (method !== METHOD_ZLIB) throw new RangeError(`a value is compressed by the unknown method ${method}`);
  const deflated = stored.subarray(1 + (head & 7));
  return (head & IS_RAW) === 0 ? inflateSync(deflated) : inflateRawSync(deflated);
}

/**
 * Decompresses the images of a row event.
 *
 * @throws RangeError if the method is unknown
 */
export function inflateImages(stored: Buffer): Buffer {
  const head = stored[0] ?? 0;
  // The highest bit is always set, the next three are the method, and 0 is zlib.
  if (head >> 4 !== 8) throw new RangeError('a row event is compressed by an unknown method');
  return inflateSync(stored.subarray(1 + (head & 7)));
}

/** Reads the bytes of a mapping file and decodes them as text. */
import {isUtf8} from 'node:buffer';
import {closeSync, openSync, readSync} from 'node:fs';

/** A mapping of a hundred tables has a tenth of this size, and a longer file takes minutes to read. */
const MAX_BYTES = 1024 * 1024;

/** Why the bytes are not text, and at which place. */
export interface ByteFault {
  readonly message: string;
  readonly line: number;
  readonly col: number;
}

/**
 * Reads the file, pipe or device at a path, up to the size limit of a mapping.
 *
 * @returns null if it is longer than a mapping file may be
 * @throws Error of the system, with its code
 */
export function readBytes(path: string | URL): Buffer | null {
  const bytes = Buffer.allocUnsafe(MAX_BYTES + 1);
  const file = openSync(path, 'r');
  try {
    let length = 0;
    while (length < bytes.length) {
      const read = readSync(file, bytes, length, bytes.length - length, null);
      if (read === 0) return bytes.subarray(0, length);
      length += read;
    }
    return null;
  } finally {
    closeSync(file);
  }
}

export function decode(bytes: Buffer): string | ByteFault {
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff))
    return {message: 'the file is UTF-16; save it as UTF-8', line: 1, col: 1};
  const text = bytes.toString('utf8');
  if (isUtf8(bytes)) return text;
  // Bytes that are not UTF-8 are different after they were decoded and encoded.
  const again = Buffer.from(text, 'utf8');
  const at = bytes.findIndex((byte, i) => byte !== again[i]);
  const before = bytes.toString('utf8', 0, Math.max(at, 0)).split(/\r\n?|\n/);
  return {
    message: 'the file is not UTF-8 here; save it as UTF-8',
    line: before.length,
    col: (before.at(-1)?.length ?? 0) + 1,
  };
}

/**
 * A position in the source's log. It is one of three kinds, depending on the server: a MySQL GTID set, a MariaDB
 * GTID position, or a file and an offset. The two GTID kinds mean the same on every server of a topology; the
 * third belongs to the one server that it was read from.
 */
import {GtidSet, MariadbGtidPosition} from './zongji.ts';

/** An offset in a log file of one server; offsets are exact past 4 GiB. */
export interface LogOffset {
  readonly file: string;
  readonly offset: number;
}

export type Position =
  | {readonly tag: 'mysql-gtid'; readonly set: string}
  | {readonly tag: 'mariadb-gtid'; readonly gtids: string}
  | ({readonly tag: 'file'} & LogOffset);

/** The form in which it is stored and shown. */
export function formatPosition(position: Position): string {
  switch (position.tag) {
    case 'mysql-gtid':
      return `mysql-gtid ${position.set}`;
    case 'mariadb-gtid':
      return `mariadb-gtid ${position.gtids}`;
    case 'file':
      return `file ${position.file}:${position.offset}`;
  }
}

/**
 * The reverse of {@link formatPosition}; GTIDs are returned in canonical form.
 *
 * @throws Error if the text is not a position
 */
export function parsePosition(text: string): Position {
  const space = text.indexOf(' ');
  const tag = space < 0 ? text : text.slice(0, space);
  const value = space < 0 ? '' : text.slice(space + 1);
  switch (tag) {
    case 'mysql-gtid':
      return {tag, set: canonicalSet(value)};
    case 'mariadb-gtid':
      return {tag, gtids: MariadbGtidPosition.parse(value).toString()};
    case 'file': {
      const colon = value.lastIndexOf(':');
      const offset = Number(value.slice(colon + 1));
      if (colon < 1 || !Number.isSafeInteger(offset) || offset < 0) throw new Error('not a log offset');
      return {tag, file: value.slice(0, colon), offset};
    }
    default:
      throw new Error('not a position');
  }
}

/** Parses a GTID set as servers print it, with line breaks, into canonical form. */
export function canonicalSet(set: string): string {
  return GtidSet.parse(set.replaceAll(/\s/g, '')).toString();
}

/** Whether everything in `part` is in `whole`. */
export function setCovers(whole: string, part: string): boolean {
  if (part === '') return true;
  const joined = whole === '' ? part : `${whole},${part}`;
  return GtidSet.parse(joined).toString() === GtidSet.parse(whole).toString();
}

/** Whether a transaction is before a position; false if its kind does not show it. */
export function holdsGtid(position: Position, gtid: string): boolean {
  switch (position.tag) {
    case 'mysql-gtid':
      return setCovers(position.set, gtid);
    case 'mariadb-gtid': {
      const [domain, , sequence = '0'] = gtid.split('-');
      return position.gtids.split(',').some(saved => {
        const [savedDomain, , savedSequence = '0'] = saved.split('-');
        return savedDomain === domain && BigInt(savedSequence) >= BigInt(sequence);
      });
    }
    case 'file':
      return false;
  }
}

/** Orders two offsets of one server; files by their number, because their names may not sort. */
export function compareOffsets(a: LogOffset, b: LogOffset): number {
  return a.file === b.file ? a.offset - b.offset : fileNumber(a.file) - fileNumber(b.file);
}

/** Returns the number at the end of a log file's name. */
export function fileNumber(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? 0);
}

/** Faults of a mapping file: their places, and suggestions. */
import {distance} from 'fastest-levenshtein';

/** Names and places in lists, from the top of the file. */
export type FilePath = readonly (string | number)[];

export interface FileFault {
  /** The path in the file, such as `tables.user.columns.email`; empty for the file itself. */
  readonly path: FilePath;
  readonly message: string;
  /** Its place; left out if the path is enough. */
  readonly at?: Place;
}

export interface Place {
  readonly line: number;
  readonly col: number;
}

/** A file of another kind has a fault in every line, and thousands of messages do not help. */
const MAX_SHOWN = 100;

/**
 * Formats faults as `file:line:column: path: message`, one line each, in the order of the file, up to a limit.
 *
 * @param placeOf returns the place of a path in the file; for a path that does not exist, that of its nearest ancestor
 */
export function formatFaults(
  file: string,
  faults: readonly FileFault[],
  placeOf: (path: FilePath) => Place,
): string {
  const lines = faults
    .map(fault => ({fault, at: fault.at ?? placeOf(fault.path)}))
    .toSorted((a, b) => a.at.line - b.at.line || a.at.col - b.at.col)
    .slice(0, MAX_SHOWN)
    .map(({fault: {path, message}, at}) => {
      // Every path begins with `tables`, so it is left out.
      const shown = path[0] === 'tables' && path.length > 1 ? path.slice(1) : path;
      return `${file}:${at.line}:${at.col}: ${shown.length === 0 ? '' : `${oneLine(shown.join('.'))}: `}${oneLine(message)}`;
    });
  if (faults.length > MAX_SHOWN) lines.push(`and ${faults.length - MAX_SHOWN} more`);
  return lines.join('\n');
}

/** Escapes a name, which may hold a line break or control characters of a terminal. */
function oneLine(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** More edits than this make another word, not a typing error. */
const MAX_EDITS = 3;

/** The candidate that was probably meant; undefined if none is similar. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const normal = (text: string) => text.toLowerCase().replaceAll(/[_\-\s]/g, '');
  const ranked = candidates
    .map(candidate => ({candidate, edits: distance(normal(word), normal(candidate))}))
    .toSorted((a, b) => a.edits - b.edits);
  const [best] = ranked;
  return best !== undefined && best.edits <= Math.min(MAX_EDITS, Math.ceil(word.length / 2))
    ? best.candidate
    : undefined;
}

export function didYouMean(word: string, candidates: readonly string[]): string {
  const meant = nearest(word, candidates);
  return meant === undefined ? '' : `; did you mean '${meant}'?`;
}

/** The names that the mapping does not use already; the others are unlikely to be meant. */
export function unmapped(candidates: readonly string[], mapped: readonly string[]): string[] {
  return candidates.filter(name => !mapped.some(one => one.toLowerCase() === name.toLowerCase()));
}

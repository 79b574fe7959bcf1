/** Where in a mapping file something is wrong, and what would be right. */
import {distance} from 'fastest-levenshtein';

/** Names and places in lists, from the top of the file. */
export type FilePath = readonly (string | number)[];

export interface FileFault {
  /** The path in the file, such as `tables.user.columns.email`; empty for the file itself. */
  readonly path: FilePath;
  readonly message: string;
}

export interface Place {
  readonly line: number;
  readonly col: number;
}

/**
 * `file:line:column: path: message`, one line for each fault, in the order of the file.
 *
 * @param placeOf where a path stands in the file; for one that is not there, where the nearest thing around it does
 */
export function formatFaults(
  file: string,
  faults: readonly FileFault[],
  placeOf: (path: FilePath) => Place,
): string {
  return faults
    .map(fault => ({fault, at: placeOf(fault.path)}))
    .toSorted((a, b) => a.at.line - b.at.line || a.at.col - b.at.col)
    .map(({fault: {path, message}, at}) => {
      // `tables` stands before every path and says nothing.
      const shown = path[0] === 'tables' ? path.slice(1) : path;
      return `${file}:${at.line}:${at.col}: ${shown.length === 0 ? '' : `${shown.join('.')}: `}${message}`;
    })
    .join('\n');
}

/** More edits than this make another word, not a slip. */
const MAX_EDITS = 3;

/** The candidate that was probably meant; undefined where none comes near. */
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

/** Those that the mapping does not use already: nobody means one of the others. */
export function unmapped(candidates: readonly string[], mapped: readonly string[]): string[] {
  return candidates.filter(name => !mapped.some(one => one.toLowerCase() === name.toLowerCase()));
}

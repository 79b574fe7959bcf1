/** Where in a mapping file something is wrong, and what would be right. */
import {distance} from 'fastest-levenshtein';

/** Names and places in lists, from the top of the file. */
export type FilePath = readonly (string | number)[];

export interface FileFault {
  /** The path in the file, such as `tables.user.columns.email`; empty for the file itself. */
  readonly path: FilePath;
  readonly message: string;
  /** Where that is; left out where the path says it. */
  readonly at?: Place;
}

export interface Place {
  readonly line: number;
  readonly col: number;
}

/** A file of another kind has a fault in every line, and nobody reads thousands. */
const MAX_SHOWN = 100;

/**
 * `file:line:column: path: message`, one line for each fault, in the order of the file; of very many the first.
 *
 * @param placeOf where a path stands in the file; for one that is not there, where the nearest thing around it does
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
      // `tables` stands before every path and says nothing.
      const shown = path[0] === 'tables' && path.length > 1 ? path.slice(1) : path;
      return `${file}:${at.line}:${at.col}: ${shown.length === 0 ? '' : `${oneLine(shown.join('.'))}: `}${oneLine(message)}`;
    });
  if (faults.length > MAX_SHOWN) lines.push(`and ${faults.length - MAX_SHOWN} more`);
  return lines.join('\n');
}

/** A name may hold a line break, or what a terminal takes for a command. */
function oneLine(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\u2028\u2029]/gu,
    character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
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

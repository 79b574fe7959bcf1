/** Where in a mapping file something is wrong, and what would be right. */
import {distance} from 'fastest-levenshtein';
import type {Document, LineCounter} from 'yaml';

/** Names and places in lists, from the top of the file. */
export type FilePath = readonly (string | number)[];

export interface FileFault {
  /** The path in the file, such as `tables.user.columns.email`; empty for the file itself. */
  readonly path: FilePath;
  readonly message: string;
}

/** `file:line:column: path: message`, one line for each fault, in the order of the file. */
export function formatFaults(
  file: string,
  faults: readonly FileFault[],
  document: Document.Parsed | null,
  lines: LineCounter,
): string {
  return faults
    .map(fault => ({fault, at: lines.linePos(document === null ? 0 : offsetOf(document, fault.path))}))
    .toSorted((a, b) => a.at.line - b.at.line || a.at.col - b.at.col)
    .map(({fault: {path, message}, at}) => {
      // `tables` stands before every path and says nothing.
      const shown = path[0] === 'tables' ? path.slice(1) : path;
      return `${file}:${at.line}:${at.col}: ${shown.length === 0 ? '' : `${shown.join('.')}: `}${message}`;
    })
    .join('\n');
}

/** Where a path begins in the text; for one that is not there, where the nearest thing around it begins. */
function offsetOf(document: Document.Parsed, path: FilePath): number {
  for (let length = path.length; length > 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (typeof node === 'object' && node !== null && 'range' in node && Array.isArray(node.range))
      return Number(node.range[0]);
  }
  return document.contents?.range?.[0] ?? 0;
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

/** Text in the servers' latin1. Pure. */

/** MySQL's latin1 is Windows-1252, but for five bytes that stand for themselves. */
const HIGH =
  '\u20ac\x81\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\x8d\u017d\x8f\x90\u2018\u2019\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\x9d\u017e\u0178';
const C1 = /[\x80-\x9f]/g;
/** @param text as Node reads latin1: a character for each byte */
export function decodeLatin1(text: string): string {
  return text.replace(C1, char => HIGH[char.charCodeAt(0) - 0x80] ?? char);
}

/**
 * Upper and lower case as both servers define them for the collation utf8mb4_bin. Pure.
 *
 * JavaScript knows letters that this collation does not (those newer than Unicode 3.0), and may turn one letter into
 * several, as ß into SS. A server's other collations have other tables. The tables of utf8mb4_bin are the same on
 * MariaDB 10.11 and 11.8 and on MySQL 9.7; test/db/letter-case.test.ts compares every character.
 */

/** Letters that the servers convert to upper case as JavaScript does, where that is one letter. */
const LOWER =
  /[a-z\u00b5-\u017f\u0183-\u0199\u01a1-\u0233\u0253-\u025b\u0260\u0263\u0268\u0269\u026f\u0272-\u0275\u0280\u0283\u0288\u028a\u028b\u0292\u03ac-\u03d6\u03db-\u03f1\u0430-\u0481\u048d-\u04c4\u04c8\u04cc\u04d1-\u04f5\u04f9\u0561-\u0586\u1e01-\u1ef9\u1f00-\u1f15\u1f20-\u1f45\u1f51-\u1f57\u1f60-\u1f7d\u1fb0\u1fb1\u1fbe\u1fd0\u1fd1\u1fe0-\u1fe5\u2170-\u217f\u24d0-\u24e9\uff41-\uff5a]|\u0345/g;
/** Letters that the servers convert to lower case as JavaScript does. */
const UPPER =
  /[A-Z\u00c0-\u012e\u0132-\u021e\u0222-\u0232\u0386-\u038a\u038c\u038e-\u03a1\u03a3-\u03ab\u03da-\u03ee\u0400-\u0480\u048c-\u04be\u04c1-\u04c3\u04c7\u04cb\u04d0-\u04f4\u04f8\u0531-\u0556\u1e00-\u1e94\u1ea0-\u1ef8\u1f08-\u1f0f\u1f18-\u1f1d\u1f28-\u1f3f\u1f48-\u1f4d\u1f59\u1f5b\u1f5d\u1f5f-\u1f6f\u1f88-\u1faf\u1fb8-\u1fbc\u1fc8-\u1fcc\u1fd8-\u1fdb\u1fe8-\u1fec\u1ff8-\u1ffc\u2126-\u212b\u2160-\u216f\u24b6-\u24cf\uff21-\uff3a]/g;
/** Greek letters with a small iota, whose upper case has eight or nine more as its number, and the lunate sigma. */
const EIGHT_MORE = /[\u1f80-\u1f87\u1f90-\u1f97\u1fa0-\u1fa7]/g;
const NINE_MORE = /[\u1fb3\u1fc3\u1ff3]/g;
const LUNATE_SIGMA = /\u03f2/g;
/** Its lower case is i followed by a dot in JavaScript. */
const DOTTED_I = /\u0130/g;

const ASCII = /^[\0-\u007f]*$/;

/** The text in upper case, letter by letter. */
export function toUpper(text: string): string {
  if (ASCII.test(text)) return text.toUpperCase();
  return text
    .replace(LOWER, letter => oneLetter(letter, letter.toUpperCase()))
    .replace(EIGHT_MORE, letter => String.fromCharCode(letter.charCodeAt(0) + 8))
    .replace(NINE_MORE, letter => String.fromCharCode(letter.charCodeAt(0) + 9))
    .replace(LUNATE_SIGMA, '\u03a3');
}

/** The text in lower case, letter by letter. */
export function toLower(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase();
  return text.replace(DOTTED_I, 'i').replace(UPPER, letter => oneLetter(letter, letter.toLowerCase()));
}

/** SQL for a text in UTF-8: the collation decides which letters are converted. */
export function upperSql(expression: string): string {
  return `UPPER(${expression} COLLATE utf8mb4_bin)`;
}

export function lowerSql(expression: string): string {
  return `LOWER(${expression} COLLATE utf8mb4_bin)`;
}

function oneLetter(letter: string, converted: string): string {
  return converted.length === 1 ? converted : letter;
}

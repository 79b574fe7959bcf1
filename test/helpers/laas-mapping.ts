/** The built-in mapping, for tests of what is made from a mapping. */
import {loadMapping} from '../../src/mapping/file/read.ts';

export const LAAS = loadMapping(undefined);

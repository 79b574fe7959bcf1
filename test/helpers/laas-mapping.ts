/** The built-in mapping, for tests. */
import {loadMapping} from '../../src/mapping/file/read.ts';

export const LAAS = loadMapping(undefined);

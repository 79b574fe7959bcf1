/**
 * Settings of V8's heap. They are set here, and not on the command line, so that the process takes the same memory
 * however it is started. Import this file before everything else: V8 reads both flags at each collection.
 */
import {setFlagsFromString} from 'node:v8';

/** The old generation may grow by three fifths between two collections; V8 would let it triple at this size. */
setFlagsFromString('--heap-growing-percent=60');
/** The young generation stays as small as it starts: rows are packed, so that few objects die young. */
setFlagsFromString('--semi-space-growth-factor=1');

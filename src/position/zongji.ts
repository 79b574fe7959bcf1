/**
 * The only importer of zongji: its stream of binlog events, and its model of GTID sets and positions, which
 * supports tags, intervals and 64-bit numbers.
 */
export {default as ZongJi, GtidSet, MariadbGtidPosition} from '@vlasky/zongji';

/** Completes what the compiler leaves in dist/: files that are not TypeScript, and the right to run the command. */
import {chmodSync, cpSync, existsSync} from 'node:fs';
import {dirname, extname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const SOURCES = new Set(['.ts', '.tsx']);

const assets = 'src/server/dashboard/assets';
if (existsSync(join(root, assets))) {
  cpSync(join(root, assets), join(root, 'dist', assets), {
    recursive: true,
    filter: path => !SOURCES.has(extname(path)),
  });
}

cpSync(join(root, 'mappings'), join(root, 'dist/mappings'), {recursive: true});

const command = join(root, 'dist/src/cli.js');
if (existsSync(command)) chmodSync(command, 0o755);

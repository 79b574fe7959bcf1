/**
 * Completes dist/ after the compiler: copies files that are not TypeScript, and makes the command executable.
 */
import {chmodSync, cpSync, existsSync, writeFileSync} from 'node:fs';
import {dirname, extname, join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';

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

// For editors, which complete and check a mapping file by it.
const format = join(root, 'dist/src/mapping/file/schema.js');
if (existsSync(format)) {
  const {mappingJsonSchema} = await import(pathToFileURL(format).href);
  writeFileSync(join(root, 'dist/mapping.schema.json'), `${JSON.stringify(mappingJsonSchema(), null, 2)}\n`);
}

const command = join(root, 'dist/src/cli.js');
if (existsSync(command)) chmodSync(command, 0o755);

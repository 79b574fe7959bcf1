/** The documents name files, sections and functions that exist. */
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {basename, dirname, join, normalize} from 'node:path';
import {describe, expect, it} from 'vitest';

const ROOT = join(import.meta.dirname, '../..');
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

const FOLDERS = [
  'bench',
  'deploy',
  'docs',
  'mappings',
  'migrations',
  'reconciler',
  'replicator',
  'src',
  'test',
];
const files = FOLDERS.flatMap(folder =>
  readdirSync(join(ROOT, folder), {recursive: true, encoding: 'utf8'}).map(file => `${folder}/${file}`),
);
const names = new Set(files.map(file => basename(file)));
const program = files
  .filter(file => /^(?:reconciler|replicator|src)\/.*\.tsx?$/.test(file))
  .map(read)
  .join('\n');

const documents = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md'].concat(
  files.filter(file => /^docs\/[^/]*\.md$/.test(file)),
);

/** Code between backticks, blocks left out. */
function codeIn(text: string): string[] {
  return [...text.replaceAll(/```[^]*?```/g, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code);
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsIn(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}_ -]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

describe.each(documents)('%s', document => {
  const text = read(document);

  it('links to files and sections that exist', () => {
    const broken = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, link = '']) => link)
      .filter(link => !/^[a-z]+:/.test(link))
      .filter(link => {
        const [path = '', anchor] = link.split('#');
        const file = path === '' ? document : normalize(join(dirname(document), path));
        if (!existsSync(join(ROOT, file))) return true;
        return anchor !== undefined && file.endsWith('.md') && !anchorsIn(read(file)).has(anchor);
      });
    expect(broken).toEqual([]);
  });

  it('names files and folders that exist', () => {
    const missing = codeIn(text).filter(code => {
      if (new RegExp(`^(?:${FOLDERS.join('|')})/[\\w./-]+$`).test(code))
        return !existsSync(join(ROOT, code)) && !files.some(file => file.startsWith(`${code}.`));
      return /^[\w-]+\.tsx?$/.test(code) && !names.has(code);
    });
    expect(missing).toEqual([]);
  });
});

it('ARCHITECTURE.md has at most 120 lines, and names functions that exist', () => {
  const text = read('ARCHITECTURE.md');
  expect(text.trimEnd().split('\n').length).toBeLessThanOrEqual(120);
  const functions = codeIn(text)
    .filter(code => /^(?:[A-Z]\w*\.)?#?[a-z]+[A-Z]\w*$|^[A-Z]\w*\.#?\w+$/.test(code))
    .map(code => code.split('.').at(-1) ?? '');
  expect(functions.length).toBeGreaterThan(20);
  expect(functions.filter(name => !new RegExp(`(?<![\\w#])${name}\\b`).test(program))).toEqual([]);
});

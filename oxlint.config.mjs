/**
 * The linter's configuration: common rules, borders between folders, and the one importer of each library that
 * matters. An override replaces `no-restricted-imports` of the overrides before it as a whole, so its lists are
 * computed here. `test/unit/lint-rules.test.ts` shows that each border and each importer is enforced.
 */
/** The one file that imports each library. */
const IMPORTERS = {
  '@vlasky/zongji': 'src/position/zongji.ts',
  'node-cron': 'reconciler/schedule.ts',
  'prom-client': 'src/status/metrics.ts',
  pino: 'src/logger.ts',
  mysql2: 'src/db/connection.ts',
  'mysql2/promise': 'src/db/connection.ts',
  yaml: 'src/mapping/file/document.ts',
  'fastest-levenshtein': 'src/mapping/file/faults.ts',
};

const refuse = (regex, message) => ({regex, message});
const DML = refuse(String.raw`/apply/statements\.ts$`, 'Only src/apply writes rows of the target.');
const SERVER = refuse('/server/', 'The server reads from the program, and the program knows nothing of it.');
const PURE = 'The mapping is pure: it imports nothing of ours but the error codes.';

/** What the files of a folder must not import; a later entry replaces an earlier one for its files. */
const BORDERS = [
  [['src/**', 'replicator/**', 'reconciler/**'], DML],
  [['src/apply/**'], refuse('/(?:replicator|reconciler|server)/', 'The writer does not know its callers.')],
  [['src/mapping/**'], refuse(String.raw`^\.\./(?:[^e]|e[^r])`, PURE)],
  [
    ['src/mapping/file/**', 'src/mapping/operators/**', 'src/mapping/sql/**'],
    refuse(String.raw`^\.\./\.\./(?:[^e]|e[^r])`, PURE),
  ],
  [
    ['src/errors.ts'],
    refuse(String.raw`^\.`, 'Everything imports the errors, so they import nothing of ours.'),
  ],
  [['src/position/**'], refuse(String.raw`^\.\./`, 'Positions import nothing of ours.')],
  [
    ['src/status/**'],
    refuse('/(?:replicator|reconciler|apply|server)/', 'The status does not know the parts that report it.'),
  ],
  [
    ['src/server/**'],
    refuse('/(?:replicator|reconciler|apply|db)/', 'The server uses the interface Operations only.'),
    {
      ...refuse(
        String.raw`/(?:config\.ts$|file/)`,
        "The server's thread would load it: import its types only.",
      ),
      allowTypeImports: true,
    },
  ],
  [
    ['replicator/**'],
    DML,
    refuse('/reconciler/', 'The replicator and the reconciler share code in src only.'),
    SERVER,
  ],
  [
    ['reconciler/**'],
    DML,
    refuse('/replicator/', 'The replicator and the reconciler share code in src only.'),
    SERVER,
  ],
];

/** @param allowed libraries that the files may import */
function restrictedImports(patterns, allowed = []) {
  const paths = Object.entries(IMPORTERS)
    .filter(([name]) => !allowed.includes(name))
    .map(([name, importer]) => ({name, message: `Only ${importer} imports it.`}));
  return {'no-restricted-imports': ['error', {paths, patterns}]};
}

const isIn = (file, folders) =>
  folders.some(folder => file === folder || file.startsWith(folder.replace('**', '')));

/** An importer has the borders of its folder, and may import its own libraries. */
function exception(importer) {
  const [, ...patterns] = BORDERS.findLast(([files]) => isIn(importer, files)) ?? [[]];
  const own = Object.keys(IMPORTERS).filter(name => IMPORTERS[name] === importer);
  return {files: [importer], rules: restrictedImports(patterns, own)};
}

/** @type {import('oxlint').OxlintConfig} */
export default {
  plugins: ['typescript', 'unicorn', 'oxc', 'import'],
  categories: {correctness: 'error'},
  options: {typeAware: true, reportUnusedDisableDirectives: 'error'},
  ignorePatterns: ['dist', 'node_modules', 'coverage'],
  rules: {
    'typescript/no-floating-promises': ['error', {ignoreVoid: true}],
    'typescript/no-misused-promises': ['error', {checksVoidReturn: {arguments: false, attributes: false}}],
    'typescript/await-thenable': 'error',
    'typescript/no-base-to-string': 'off',
    'typescript/restrict-template-expressions': 'off',
    'unicorn/no-new-array': 'off',
    'typescript/consistent-type-imports': ['error', {fixStyle: 'inline-type-imports'}],
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'import/no-cycle': 'error',
    'import/no-default-export': 'error',
    'no-debugger': 'error',
    'no-var': 'error',
    'prefer-const': 'error',
    eqeqeq: ['error', 'always', {null: 'ignore'}],
    ...restrictedImports([]),
  },
  overrides: [
    {
      files: ['src/**', 'replicator/**', 'reconciler/**', 'migrations/**'],
      rules: {'no-console': 'error'},
    },
    {files: ['src/server/dashboard/assets/**'], env: {browser: true}},
    {
      // Their tools read the default export.
      files: [
        'oxlint.config.mjs',
        'vitest.config.ts',
        'test/build/count-reporter.mjs',
        'test/helpers/global-setup.ts',
        'test/helpers/chromium-setup.ts',
      ],
      rules: {'import/no-default-export': 'off'},
    },
    ...BORDERS.map(([files, ...patterns]) => ({files, rules: restrictedImports(patterns)})),
    ...[...new Set(Object.values(IMPORTERS))].map(exception),
    {
      files: ['test/**', 'bench/**'],
      rules: restrictedImports(
        [],
        Object.keys(IMPORTERS).filter(name => name !== '@vlasky/zongji' && name !== 'node-cron'),
      ),
    },
  ],
};

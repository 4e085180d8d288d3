import { globSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** DESIGN.md §3: a folder imports only from folders below it. Files directly in src are the roof over all of them. */
const LADDER = `telegram dashboard api support override reconciliation payout topology delivery intake provider breaker
  duty escalation notice people entitlement ledger audit platform`.split(/\s+/);
const NAMES_THAT_SAY_NOTHING = /(^|\/)(utils?|helpers?|managers?|services?|index|misc|common)(\.ts$|\/)/;

type Sources = Record<string, string>;

/** Every broken rule of the house, as a sentence; `sources` are texts by path from the root. */
function findViolations(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([file, text]) => [
    ...importsOf(file, text).flatMap((imported) => judgeImport(file, imported)),
    ...(NAMES_THAT_SAY_NOTHING.test(file) ? [`${file} has a name that says nothing`] : []),
    ...(file.startsWith('src/') && file !== 'src/config.ts' && /process\s*\.\s*env\b/.test(text)
      ? [`${file} reads process.env; only src/config.ts may`]
      : []),
  ]);
}

function isRoof(file: string): boolean {
  return /^src\/[^/]+$/.test(file);
}

/** The project's own files that a file imports, statically or dynamically. The roof may name types of what main.ts hands it. */
function importsOf(file: string, whole: string): string[] {
  const text = isRoof(file) ? whole.replace(/typeof import\([^)]*\)/g, '') : whole;
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g)].map((match) => match[1]!);
  return specifiers.map((specifier) => new URL(specifier, `file:///${file}`).pathname.slice(1));
}

function judgeImport(file: string, imported: string): string[] {
  const [from, to] = [file, imported].map((path) => path.split('/')[0]);
  if (from === 'sandbox' && to !== 'sandbox') return [`${file} imports ${imported}: the sandbox is the outside world`];
  if (from !== 'src') return [];
  if (to === 'sandbox')
    return file === 'src/main.ts' ? [] : [`${file} imports ${imported}: only main.ts starts the sandbox`];
  if (to !== 'src') return [`${file} imports ${imported}, which is not in src`];
  const [above, below] = [rungOf(file), rungOf(imported)];
  if (Number.isNaN(above + below)) return [`${file} or ${imported} is in a folder that the ladder does not know`];
  return above > below ? [`${file} imports ${imported}, which is above it`] : [];
}

function rungOf(file: string): number {
  return isRoof(file) ? 0 : LADDER.indexOf(file.split('/')[1]!) + 1 || Number.NaN;
}

function readSources(): Sources {
  const files = globSync(['src/**/*.ts', 'sandbox/**/*.ts']);
  return Object.fromEntries(files.map((file) => [file, readFileSync(file, 'utf8')]));
}

test('the house is in order: imports go down, the sandbox stands alone, names say something, one file reads the environment', () => {
  const sources = readSources();
  expect(Object.keys(sources).length).toBeGreaterThan(20);
  expect(findViolations(sources)).toEqual([]);
});

test.each<[string, Sources]>([
  ['an import upward', { 'src/escalation/a.ts': `import { b } from '../telegram/b.ts';` }],
  ['an import upward for a type', { 'src/ledger/a.ts': `import type { B } from '../delivery/b.ts';` }],
  ['an import upward while running', { 'src/platform/a.ts': `await import('../api/b.ts')` }],
  ['an import upward over several lines', { 'src/audit/a.ts': `import {\n  b,\n} from "../people/b.ts";` }],
  ['an export from above', { 'src/notice/a.ts': `export * from '../escalation/b.ts';` }],
  ['a room that imports the configuration', { 'src/intake/a.ts': `import type { Config } from '../config.ts';` }],
  ['a room the ladder does not know', { 'src/billing/a.ts': `import { b } from '../platform/b.ts';` }],
  ['a roof that starts the sandbox', { 'src/schedule.ts': `await import('../sandbox/main.ts')` }],
  ['a sandbox that imports from src', { 'sandbox/a.ts': `import { b } from '../src/platform/b.ts';` }],
  ['a room that imports the sandbox', { 'src/telegram/a.ts': `import { b } from '../../sandbox/b.ts';` }],
  ['a room that imports from the tests', { 'src/api/a.ts': `import { b } from '../../test/b.ts';` }],
  ['a name that says nothing', { 'src/api/utils.ts': '' }],
  ['a folder that says nothing', { 'sandbox/helpers/a.ts': '' }],
  ['a second reader of the environment', { 'src/api/a.ts': 'const port = process.env.PORT;' }],
])('the check finds %s', (_, sources) => {
  expect(findViolations(sources)).toHaveLength(1);
});

test.each<[string, Sources]>([
  ['an import downward', { 'src/telegram/a.ts': `import { b } from '../escalation/b.ts';` }],
  ['a roof that imports a room and the roof', { 'src/parts.ts': `import './config.ts'; import './telegram/b.ts';` }],
  ['a roof that names a type of the sandbox', { 'src/parts.ts': `type A = typeof import('../sandbox/main.ts');` }],
  ['an import of a neighbour', { 'src/telegram/cards/a.ts': `import { b } from '../b.ts';` }],
  ['a package', { 'sandbox/a.ts': `import Fastify from 'fastify';` }],
  ['main.ts starting the sandbox', { 'src/main.ts': `await import('../sandbox/start.ts')` }],
])('the check lets %s pass', (_, sources) => expect(findViolations(sources)).toEqual([]));

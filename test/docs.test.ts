import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VARIABLES } from '../src/config.ts';
import { createMetrics } from '../src/platform/metrics.ts';

/** What is said of the product must be so. */

const PAGES = ['README.md', 'CHANGELOG.md', 'sandbox/README.md', ...globSync('docs/**/*.md')];

type Exists = (path: string) => boolean;

/** Links of a page to files or headings that are not there. */
function findBrokenLinks(page: string, text: string, exists: Exists = existsSync, read = readPage): string[] {
  return linksOf(text)
    .filter((link) => !/^[a-z]+:/.test(link))
    .filter((link) => !leadsSomewhere(page, link, exists, read))
    .map((link) => `${page}: ${link}`);
}

/** Without code: there a bracket is no link. */
function linksOf(text: string): string[] {
  const prose = text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1]!);
}

function leadsSomewhere(page: string, link: string, exists: Exists, read: (path: string) => string): boolean {
  const [path = '', heading] = link.split('#');
  const target = path === '' ? page : join(dirname(page), path);
  if (!exists(target)) return false;
  return heading === undefined || anchorsOf(read(target)).includes(heading);
}

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) => anchorOf(match[1]!));
}

/** As GitHub makes them. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-');
}

function readPage(path: string): string {
  return readFileSync(path, 'utf8');
}

/** Words in code that are written like a variable of the environment. */
function variablesIn(text: string): string[] {
  const code = [...text.matchAll(/```[\s\S]*?```|`[^`\n]*`/g)].map(([block]) => block).join('\n');
  return [...new Set(code.match(/\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g) ?? [])];
}

/** The first cells of its tables, which name what the row is about. */
function firstCellsOf(text: string): string {
  return [...text.matchAll(/^\| *(.*?) *\|/gm)].map((match) => match[1]).join('\n');
}

/** Written like a variable, and none of the service's: of the benchmarks, of a provider, or a status. */
const OTHERS = new Set([
  'BENCH_NODE_ARGS',
  'CANCEL_OR_REFUND',
  'CHARGEBACK_',
  'PREARBITRATION_',
  'FLAG_NOT_FOUND',
  'TARGETING_MATCH',
]);
const OF_OFREP = new Set(['TARGETING_KEY_MISSING', 'PARSE_ERROR', 'INVALID_CONTEXT']);

function isOther(word: string): boolean {
  return OTHERS.has(word) || OF_OFREP.has(word) || word.startsWith('PREARBITRATION');
}

test('docs/incident.md has the headings of the journey that walks the same way', () => {
  const journey = readPage('test/journeys/incident.test.ts').matchAll(/^describe\('(.+)', /gm);
  const headings = readPage('docs/incident.md').matchAll(/^## (.+)$/gm);
  expect([...headings].map(([, heading]) => heading)).toEqual([...journey].map(([, title]) => title));
});

describe('links', () => {
  test.each(PAGES)('of %s lead to files and headings that are there', (page) => {
    expect(findBrokenLinks(page, readPage(page))).toEqual([]);
  });

  test('are found broken when the file or the heading is not there', () => {
    const exists = (path: string) => path === 'docs/a.md';
    const read = () => '# One\n## Two words, `code`';
    const text = '[a](a.md) [b](b.md) [c](a.md#two-words-code) [d](a.md#three) [e](https://example.org/x) `[f](f.md)`';
    expect(findBrokenLinks('docs/x.md', text, exists, read)).toEqual(['docs/x.md: b.md', 'docs/x.md: a.md#three']);
  });
});

describe('variables of the environment', () => {
  test.each(PAGES)('in %s are those the service reads', (page) => {
    const known: readonly string[] = VARIABLES;
    expect(variablesIn(readPage(page)).filter((word) => !known.includes(word) && !isOther(word))).toEqual([]);
  });

  test('are all in docs/configuration.md, each in a row of its own', () => {
    const rows = firstCellsOf(readPage('docs/configuration.md'));
    expect(VARIABLES.filter((name) => !new RegExp(`\`${name}\``).test(rows))).toEqual([]);
  });

  test('are looked for in code, and only there', () => {
    expect(variablesIn('`RETRY_NEVER` and\n```sh\nNO_SUCH=1\n```\nbut not IN_PROSE')).toEqual([
      'RETRY_NEVER',
      'NO_SUCH',
    ]);
  });
});

describe('metrics', () => {
  const defined = ownMetrics();
  const described = [...new Set(readPage('docs/metrics.md').match(/\bbreakwater_[a-z_]+/g))];

  test('of the service are all in docs/metrics.md, in a row with their labels', () => {
    const rows = readPage('docs/metrics.md').split('\n');
    const missing = defined.filter(({ name, labels }) => !rows.some((row) => isRowOf(row, name, labels)));
    expect(missing).toEqual([]);
    expect(defined.length).toBeGreaterThan(15);
  });

  test('in docs/metrics.md are all there', () => {
    const names = defined.map(({ name }) => name);
    expect(described.filter((name) => !names.includes(name))).toEqual([]);
  });
});

type OwnMetric = { name: string; labels: string[] };

function ownMetrics(): OwnMetric[] {
  const { registry } = createMetrics();
  const names = registry.getMetricsAsArray().map((metric) => metric.name);
  return names
    .filter((name) => name.startsWith('breakwater_'))
    .map((name) => ({ name, labels: labelsOf(registry.getSingleMetric(name)) }));
}

function labelsOf(metric: unknown): string[] {
  return (metric as { labelNames?: string[] }).labelNames?.filter((label) => label !== 'le') ?? [];
}

function isRowOf(row: string, name: string, labels: string[]): boolean {
  return row.startsWith(`| \`${name}\` | ${labels.length === 0 ? '–' : labels.join(', ')} |`);
}

describe('tests named in docs/architecture.md', () => {
  const named = [...readPage('docs/architecture.md').matchAll(/`(test\/[\w/-]+\.test\.ts)`: ([^|]+?) \|/g)];

  test.each(named.map(([, file, title]) => [file!, title!]))('%s: %s', (file, title) => {
    expect(readPage(file)).toContain(title);
  });

  test('are more than a few', () => {
    expect(named.length).toBeGreaterThan(10);
  });
});

test('the curl of the README is the one the start prints, which test/journeys/start.test.ts runs', () => {
  const [printed] = /provider\/payments\?[^'`]+/.exec(readPage('src/stand-ins.ts')) ?? [];
  expect(printed).toContain('product=');
  expect(readPage('README.md')).toContain(`curl -X POST 'http://127.0.0.1:3001/${printed}'`);
});

test('the pictures are small enough to stay in the repository', () => {
  const sizes = globSync('docs/pictures/*.png').map((file) => readFileSync(file).length);
  expect(sizes.length).toBeGreaterThan(0);
  expect(Math.max(...sizes)).toBeLessThan(150_000);
});

test('every decision is in the README, under its own title', () => {
  const readme = readPage('README.md');
  const lines = globSync('docs/decisions/*.md').map((file) => `[${readPage(file).split('\n')[0]!.slice(2)}](${file})`);
  expect(lines.filter((line) => !readme.includes(line))).toEqual([]);
});

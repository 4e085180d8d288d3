import { existsSync, globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { expect, test } from 'vitest';

const read = (file: string) => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8');
const manifest = JSON.parse(read('package.json')) as Record<'dependencies' | 'devDependencies', Record<string, string>>;

/** The packages that a source loads as soon as it is loaded itself: types vanish, and `import()` waits until it is reached. */
function packagesLoadedBy(text: string): string[] {
  const statements = text.matchAll(/^(?:import|export)\s+(?!type\b)(?:[^'"]*?\sfrom\s+)?['"]([^.'"][^'"]*)['"]/gm);
  return [...statements]
    .map((match) => match[1]!)
    .filter((specifier) => !specifier.startsWith('node:') && !builtinModules.includes(specifier))
    .map((specifier) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    );
}

/** What the Dockerfile takes from the checkout. */
function copiedPaths(): string[] {
  const lines = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+)$/gm)].map((match) => match[1]!);
  return lines.flatMap((line) => line.split(/\s+/).slice(0, -1));
}

test('everything the image copies exists, and is let through to the builder', () => {
  const allowed = read('.dockerignore')
    .match(/^!(.+)$/gm)!
    .map((line) => line.slice(1));
  expect(copiedPaths()).toContain('src');
  expect(copiedPaths().filter((path) => !existsSync(path))).toEqual([]);
  expect([...new Set(copiedPaths())].toSorted()).toEqual(allowed.toSorted());
});

test('the image has every package that src loads, and none that only development has', () => {
  const loaded = new Set(globSync('src/**/*.ts').flatMap((file) => packagesLoadedBy(readFileSync(file, 'utf8'))));
  expect(loaded.size).toBeGreaterThan(5);
  expect([...loaded].filter((name) => !(name in manifest.dependencies))).toEqual([]);
});

test('the check of packages sees imports of values over several lines, and neither types, own files nor what is loaded later', () => {
  const text = `import { a } from 'fastify';
import {
  b,
} from '@scope/name/deep';
import type { C } from 'only-types';
import './own.ts';
import fs from 'node:fs';
import 'side-effect';
export { d } from 'passed-on';
const later = () => import('late');`;
  expect(packagesLoadedBy(text)).toEqual(['fastify', '@scope/name', 'side-effect', 'passed-on']);
});

test('the image runs as a user without rights, in production, with a health check that asks the process alone', () => {
  const dockerfile = read('Dockerfile');
  expect(dockerfile.indexOf('USER node')).toBeGreaterThan(dockerfile.lastIndexOf('FROM '));
  expect(dockerfile).toMatch(/^ENV NODE_ENV=production$/m);
  expect(dockerfile).toMatch(/^HEALTHCHECK /m);
  expect(dockerfile).toContain('/healthz');
  expect(dockerfile).toContain('npm ci --omit=dev');
});

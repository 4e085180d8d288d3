import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readLocalSecrets } from '../../src/platform/local-secrets.ts';

function emptyDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'breakwater-secrets-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  return join(dir, '.data');
}

test('secrets made at the first start are the same at the next, and others elsewhere', () => {
  const dir = emptyDir();
  const first = readLocalSecrets(dir);
  expect(readLocalSecrets(dir)).toEqual(first);
  expect(Object.values(readLocalSecrets(emptyDir()))).not.toContain(first.apiToken);
});

test('each secret has the form its variable asks for', () => {
  const secrets = readLocalSecrets(emptyDir());
  expect(Buffer.from(secrets.secretKey, 'base64')).toHaveLength(32);
  expect(secrets.activationSecret).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
  expect(new Set(Object.values(secrets)).size).toBe(4);
});

test('nobody but the owner can read the files', () => {
  const dir = emptyDir();
  readLocalSecrets(dir);
  const modes = readdirSync(dir).map((name) => statSync(join(dir, name)).mode & 0o777);
  expect(modes).toEqual([0o600, 0o600, 0o600, 0o600]);
});

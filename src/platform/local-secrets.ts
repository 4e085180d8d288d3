import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type LocalSecrets = { apiToken: string; secretKey: string; providerSecret: string; activationSecret: string };

/**
 * Secrets for a start with nothing configured: made once, kept in `dataDir` in files that only their owner can read, so that what
 * was sealed yesterday opens today. Production never uses them.
 */
export function readLocalSecrets(dataDir: string): LocalSecrets {
  return {
    apiToken: readOrMake(dataDir, 'api-token', () => randomBytes(24).toString('base64url')),
    secretKey: readOrMake(dataDir, 'secret-key', () => randomBytes(32).toString('base64')),
    providerSecret: readOrMake(dataDir, 'provider-secret', () => randomBytes(24).toString('base64url')),
    activationSecret: readOrMake(dataDir, 'activation-secret', () => `whsec_${randomBytes(24).toString('base64')}`),
  };
}

function readOrMake(dataDir: string, name: string, make: () => string): string {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, name);
  if (!existsSync(file)) placeOnce(file, `${make()}\n`);
  return readFileSync(file, 'utf8').trim();
}

/** The file appears whole or not at all; of two processes that start at once the second keeps the file of the first. */
function placeOnce(file: string, text: string): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, text, { mode: 0o600 });
  try {
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
}

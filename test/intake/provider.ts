import { type ProviderConfig, parseProviders } from '../../src/intake/provider-config.ts';

/** A provider as an operator would write it; `acme` speaking the generic format unless told otherwise. */
export function provider(given: Record<string, unknown> = {}): ProviderConfig {
  const entry = {
    name: 'acme',
    scheme: 'hmac',
    secrets: ['s3cret'],
    ...('scheme' in given && given.scheme !== 'hmac' ? {} : { hmac: { header: 'x-signature' } }),
    ...given,
  };
  return parseProviders([entry]).providers[0]!;
}

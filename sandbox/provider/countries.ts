/** One public address per country, for X-Forwarded-For: enough to see a map of failures, not a geo database. */
const ADDRESS_OF_COUNTRY: Record<string, string> = {
  AT: '193.171.255.1',
  AU: '139.130.4.5',
  BE: '193.190.198.1',
  BR: '200.160.0.8',
  CH: '130.59.31.1',
  DE: '194.25.0.60',
  DK: '130.225.244.1',
  ES: '150.214.94.5',
  FI: '128.214.1.1',
  FR: '212.27.48.10',
  GB: '212.58.244.20',
  IN: '49.205.171.1',
  IT: '151.99.125.1',
  JP: '202.12.27.33',
  KR: '168.126.63.1',
  MX: '200.33.146.249',
  NL: '82.94.249.234',
  NO: '158.37.1.1',
  PL: '213.180.141.140',
  RU: '77.88.8.8',
  SE: '130.242.80.1',
  US: '4.2.2.1',
  ZA: '196.25.1.1',
};

export function getAddressIn(country: string): string {
  const address = ADDRESS_OF_COUNTRY[country.toUpperCase()];
  if (!address) throw new Error(`no address in ${country}; there is ${Object.keys(ADDRESS_OF_COUNTRY).join(', ')}`);
  return address;
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BlockList, isIP } from 'node:net';
import { Reader, type Response } from 'maxmind';

export type Geo = {
  /** The two letters of the country an address is registered in; null for private, unknown and invalid ones. Never a gate. */
  findCountry(address: string): string | null;
  /** How old the data is. */
  builtAt(): Date;
};

/** The combined file: an IPv6 address looked up in the IPv4 file does not fail, it gets another country. */
const FILE = '@ip-location-db/geo-whois-asn-country-mmdb/geo-whois-asn-country.mmdb';

/** Countries of addresses, from a file of 8 MB that is read into memory at the first question. */
export function createGeo(): Geo {
  let reader: Reader<Response> | null = null;
  const getReader = () => (reader ??= new Reader<Response>(readFileSync(createRequire(import.meta.url).resolve(FILE))));
  return {
    findCountry: (address) => findCountry(getReader(), address),
    builtAt: () => getReader().metadata.buildEpoch,
  };
}

/**
 * Addresses that belong to no country (IANA special-purpose registries). The file knows some of them all the same, by the
 * registry's block around them: 192.168.0.1 would be Australian.
 */
const NOBODYS = new BlockList();
for (const range of [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/3'],
  ...['::/127', '2001:db8::/32', 'fc00::/7', 'fe80::/10', 'ff00::/8'],
]) {
  const [network = '', bits] = range.split('/');
  NOBODYS.addSubnet(network, Number(bits), isIP(network) === 4 ? 'ipv4' : 'ipv6');
}

function findCountry(reader: Reader<Response>, address: string): string | null {
  const plain = unmap(address);
  const version = isIP(plain);
  if (version === 0 || NOBODYS.check(plain, version === 4 ? 'ipv4' : 'ipv6')) return null;
  // The records of this file are flat; maxmind's types know only those of MaxMind's own files.
  const record = reader.get(plain) as { country_code?: string } | null;
  return record?.country_code || null;
}

/** `::ffff:8.8.8.8`, the usual form of an IPv4 client on a dual-stack socket, is in no file. */
function unmap(address: string): string {
  if (isIP(address) !== 6) return address;
  const [withoutZone = ''] = address.split('%');
  const canonical = new URL(`http://[${withoutZone}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(canonical);
  return mapped ? toDotted(Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)) : canonical;
}

function toDotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

import { describe, expect, test } from 'vitest';
import { createGeo } from '../../src/platform/geo.ts';

const geo = createGeo();

describe('the country an address is registered in', () => {
  test.each([
    ['8.8.8.8', 'US'],
    ['77.88.55.88', 'RU'],
    ['193.99.144.80', 'DE'],
    ['2a02:6b8::1', 'RU'],
    ['2a02:2e0:3fe:1001:302::', 'DE'],
  ])('%s is %s', (address, country) => expect(geo.findCountry(address)).toBe(country));
});

test.each(['::ffff:8.8.8.8', '::FFFF:8.8.8.8', '::ffff:808:808', '0:0:0:0:0:ffff:8.8.8.8'])(
  'an IPv4 address in IPv6 clothes is looked up as IPv4: %s',
  (address) => expect(geo.findCountry(address)).toBe('US'),
);

test.each([
  ...[
    '127.0.0.1',
    '10.1.2.3',
    '172.31.0.1',
    '192.168.0.1',
    '100.64.0.1',
    '169.254.169.254',
    '203.0.113.7',
    '255.255.255.255',
  ],
  ...['::', '::1', 'fe80::1', 'fe80::1%eth0', 'fd00::1', '2001:db8::1', '::ffff:10.0.0.1', '::ffff:192.168.0.1'],
])('an address that belongs to nobody has no country: %s', (address) => expect(geo.findCountry(address)).toBeNull());

test.each(['', 'unknown', '8.8.8', '8.8.8.8:443', '256.1.1.1', '::ffff:', "'; drop table"])(
  'what is no address has no country: %j',
  (address) => expect(geo.findCountry(address)).toBeNull(),
);

test('the age of the data can be told', () => {
  expect(geo.builtAt().getTime()).toBeGreaterThan(Date.UTC(2026, 0, 1));
});

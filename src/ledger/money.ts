/**
 * Money is integer minor units plus a currency, never a float. Amounts arrive as decimal text or as JSON numbers; both
 * are worked on as text, so `19.99` never becomes `1998.9999999999998`.
 */

/** An amount nobody can read: words, a sign, more decimals than the currency has, more than a safe integer holds. */
export class UnreadableAmount extends Error {
  override name = 'UnreadableAmount';
}

// ISO 4217 lists two decimals for everything not named here. Crypto assets follow the amounts wallets quote, not the
// chain's own units: 18 decimals of ether do not fit a safe integer.
const MINOR_DIGITS: Record<string, number> = {
  ...digits(0, 'BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF XTR'),
  ...digits(3, 'BHD IQD JOD KWD LYD OMR TND'),
  ...digits(4, 'CLF UYW'),
  ...digits(6, 'USDT USDC TRX'),
  ...digits(8, 'BTC LTC ETH BNB BCH DOGE DASH ZEC XRP ADA DAI MATIC POL WBTC AVAX DOT'),
  ...digits(9, 'TON SOL'),
};

const DECIMAL = /^(\d+)(?:\.(\d+))?$/;

/** How many decimals the currency has; 2 when it is unknown or not told. */
export function minorDigits(currency: string | null): number {
  if (currency === null) return 2;
  const code = currency.toUpperCase();
  return Object.hasOwn(MINOR_DIGITS, code) ? MINOR_DIGITS[code]! : 2;
}

/**
 * `'19.99'` EUR → 1999, `500` JPY → 500, `'1.500'` KWD → 1500. Zeros beyond the currency's decimals are harmless
 * (`'500.00'` JPY); anything else beyond them is money we would lose, so it is refused.
 * @throws UnreadableAmount
 */
export function majorToMinor(amount: string | number, currency: string | null): number {
  const [whole, fraction] = decimalParts(String(amount));
  const wanted = minorDigits(currency);
  if (/[^0]/.test(fraction.slice(wanted))) {
    throw new UnreadableAmount(`amount has more than the ${wanted} decimals of ${currency ?? 'its currency'}`);
  }
  return safeInteger(whole + fraction.slice(0, wanted).padEnd(wanted, '0'));
}

/**
 * An integer of minor units, as number or as text: `1999`, `'1999'`.
 * @throws UnreadableAmount
 */
export function minorFromUnknown(amount: unknown): number {
  if (typeof amount !== 'string' && typeof amount !== 'number') throw new UnreadableAmount('amount is not a number');
  const [whole, fraction] = decimalParts(String(amount));
  if (/[^0]/.test(fraction)) throw new UnreadableAmount('amount in minor units is not an integer');
  return safeInteger(whole);
}

/** `1,912.00 EUR`; without a currency `1,912.00`. */
export function formatMoney(minor: number, currency: string | null): string {
  const wanted = minorDigits(currency);
  const text = String(Math.abs(minor)).padStart(wanted + 1, '0');
  const whole = text.slice(0, text.length - wanted).replace(/\B(?=(\d{3})+$)/g, ',');
  const fraction = wanted > 0 ? `.${text.slice(-wanted)}` : '';
  return `${minor < 0 ? '-' : ''}${whole}${fraction}${currency === null ? '' : ` ${currency}`}`;
}

function decimalParts(text: string): [whole: string, fraction: string] {
  const match = DECIMAL.exec(text);
  if (!match) throw new UnreadableAmount('amount is not a decimal number without a sign');
  return [match[1]!, match[2] ?? ''];
}

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new UnreadableAmount('amount is larger than can be counted exactly');
  return value;
}

function digits(count: number, codes: string): Record<string, number> {
  return Object.fromEntries(codes.split(' ').map((code) => [code, count]));
}

import { expect, test } from 'vitest';
import type { PaymentStatus } from '../../../src/api/payment-status.ts';
import type { PaymentView } from '../../../src/api/payment-view.ts';
import type { BreakerState } from '../../../src/platform/schema.ts';
import { outlookOf, outlookWords } from '../../../src/telegram/guided/retry-outlook.ts';

type States = PaymentView['events'][number]['state'][];

const payment = (status: PaymentStatus, states: States) => ({
  status,
  events: states.map((state) => ({ state }) as PaymentView['events'][number]),
});
const breaker = (state: BreakerState, name = 'activation') => [{ name, state }];

test.each<[string, PaymentStatus, States, { name: string; state: BreakerState }[], boolean, object]>([
  ['what was given up is tried again', 'succeeded', ['dead'], breaker('closed'), true, { outlook: 'apply', dead: 1 }],
  ['each of it', 'succeeded', ['dead', 'applied', 'dead'], [], true, { outlook: 'apply', dead: 2 }],
  ['what was applied needs none', 'succeeded', ['applied'], [], true, { outlook: 'nothing', because: 'applied' }],
  [
    'what is tried by itself needs none',
    'succeeded',
    ['retrying'],
    [],
    true,
    { outlook: 'nothing', because: 'under_way' },
  ],
  ['a refund stands above it', 'refunded', ['dead', 'applied'], [], true, { outlook: 'superseded', by: 'refunded' }],
  ['an open breaker calls nobody', 'succeeded', ['dead'], breaker('open'), true, { outlook: 'refused', state: 'open' }],
  ['a tripped one neither', 'succeeded', ['dead'], breaker('forced_open'), true, { outlook: 'refused' }],
  ['one that probes does', 'succeeded', ['dead'], breaker('half_open'), true, { outlook: 'apply' }],
  [
    'another’s breaker does not matter',
    'succeeded',
    ['dead'],
    breaker('open', 'provider:x'),
    true,
    { outlook: 'apply' },
  ],
  ['nor any where nobody is called', 'succeeded', ['dead'], breaker('open'), false, { outlook: 'apply' }],
])('%s', (_, status, states, breakers, tellsProduct, expected) => {
  const outlook = outlookOf(payment(status, states), breakers, tellsProduct);
  expect(outlook).toMatchObject(expected);
  expect(outlookWords(outlook, { transactionId: 'tx456' })).toMatch(/tx456|activation/);
});

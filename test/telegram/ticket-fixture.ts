import { type TicketView, ticketName } from '../../src/escalation/ticket-view.ts';

const OPENED = new Date('2026-11-22T12:04:10Z');

/** A ticket as the chat mostly sees it: three payments of Acme that the product answered with 503. */
export function ticketView(changes: Partial<TicketView> = {}): TicketView {
  const id = changes.id ?? 1042;
  return {
    id,
    name: ticketName(id),
    stage: 'delivery',
    source: 'acme',
    dependency: 'activation',
    errorFamily: 'HTTP 503',
    state: 'open',
    severity: 'P2',
    ownerId: null,
    ownerName: null,
    failures: 3,
    deadEvents: 3,
    peopleWaiting: 2,
    moneyAtRisk: [{ currency: 'EUR', amountMinor: 2997 }],
    countries: { DE: 2, FR: 1 },
    sampleTransaction: 'tx456',
    openedAt: OPENED,
    firstFailureAt: OPENED,
    lastFailureAt: new Date('2026-11-22T12:09:00Z'),
    resolvedAt: null,
    resolvedBy: null,
    stateRevision: 1,
    wantedRevision: 1,
    urgentRevision: 0,
    refusals: 0,
    silenced: 0,
    breaker: null,
    duty: null,
    log: [{ at: OPENED, kind: 'opened', actor: null, text: 'opened' }],
    ...changes,
  };
}

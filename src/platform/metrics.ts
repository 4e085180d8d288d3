import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Backlog } from './backlog-query.ts';
import { withTimeLimit } from './time-limit.ts';

export type Metrics = ReturnType<typeof createMetrics>;

export type ShownBacklog = Backlog & {
  /** By dependency, how many of what waits do so because its breaker holds calls back. */
  parked: Record<string, number>;
};

/** A scrape waits this long for the database at most, and asks it once a second however many scrape. */
const BACKLOG_LIMIT_MS = 2_000;
const BACKLOG_CACHE_MS = 1_000;

/**
 * Every metric of the process, by name. Counters and histograms count what this process did; the gauges of the backlog are
 * read from the database at the scrape, and are absent while it does not answer.
 */
export function createMetrics(options: { readBacklog?: () => Promise<ShownBacklog> } = {}) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const backlog = defineBacklog(registry);
  const refresh = rarely(() => showBacklog(backlog, options.readBacklog));
  return {
    ...defineWebhookMetrics(registry),
    ...defineDeliveryMetrics(registry),
    ...defineTicketMetrics(registry),
    ...defineBreakerMetrics(registry),
    registry,
    contentType: registry.contentType,
    /** The text a scrape gets; never fails because the database does. */
    render: async (): Promise<string> => {
      await refresh();
      return registry.metrics();
    },
  };
}

const ANSWER_SECONDS = [0.001, 0.0025, 0.005, 0.0075, 0.012, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 3];
const DELAY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.125, 0.25, 0.5, 1, 2.5, 5, 15, 60, 120, 600, 3600];
const CALL_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

function defineWebhookMetrics(registry: Registry) {
  const registers = [registry];
  return {
    webhooksReceived: new Counter({
      name: 'breakwater_webhooks_received_total',
      help: 'Webhooks for a known provider that were answered for good: stored, duplicate or refused',
      labelNames: ['provider'],
      registers,
    }),
    webhooksRefused: new Counter({
      name: 'breakwater_webhooks_refused_total',
      help: 'Webhooks that failed verification, by diagnosed cause and country of the sender',
      labelNames: ['provider', 'cause', 'country'],
      registers,
    }),
    webhooksUnavailable: new Counter({
      name: 'breakwater_webhooks_unavailable_total',
      help: 'Webhooks answered with 503 because they could not be written down; the provider sends them again',
      labelNames: ['reason'],
      registers,
    }),
    eventsStored: new Counter({
      name: 'breakwater_events_stored_total',
      help: 'Events written to the ledger',
      labelNames: ['provider'],
      registers,
    }),
    eventsDuplicate: new Counter({
      name: 'breakwater_events_duplicate_total',
      help: 'Events that the ledger had already',
      labelNames: ['provider'],
      registers,
    }),
    webhookAnswerSeconds: new Histogram({
      name: 'breakwater_webhook_answer_seconds',
      help: 'From the first byte of a webhook to its answer',
      labelNames: ['status'],
      buckets: ANSWER_SECONDS,
      registers,
    }),
  };
}

function defineDeliveryMetrics(registry: Registry) {
  const registers = [registry];
  return {
    eventsApplied: new Counter({
      name: 'breakwater_events_applied_total',
      help: 'Events that took effect, or turned out to need none',
      labelNames: ['provider'],
      registers,
    }),
    eventsRetried: new Counter({
      name: 'breakwater_events_retried_total',
      help: 'Tries that failed and will be repeated, by what was called',
      labelNames: ['dependency'],
      registers,
    }),
    eventsDead: new Counter({
      name: 'breakwater_events_dead_total',
      help: 'Events that went to the dead letters, by reason',
      labelNames: ['reason'],
      registers,
    }),
    receivedToAppliedSeconds: new Histogram({
      name: 'breakwater_received_to_applied_seconds',
      help: 'From the first byte of a webhook to the commit of its effect',
      buckets: DELAY_SECONDS,
      registers,
    }),
    activationSeconds: new Histogram({
      name: 'breakwater_activation_seconds',
      help: 'Calls to the product, by outcome',
      labelNames: ['outcome'],
      buckets: CALL_SECONDS,
      registers,
    }),
  };
}

function defineTicketMetrics(registry: Registry) {
  const registers = [registry];
  return {
    cardsShown: new Counter({
      name: 'breakwater_cards_shown_total',
      help: 'Cards drawn in the chat: sent for the first time, or edited',
      labelNames: ['how'],
      registers,
    }),
    cardDelaySeconds: new Histogram({
      name: 'breakwater_card_delay_seconds',
      help: 'From the opening of a ticket to its card in the chat',
      buckets: DELAY_SECONDS,
      registers,
    }),
    telegramCalls: new Counter({
      name: 'breakwater_telegram_calls_total',
      help: 'Calls to the Bot API, by method and outcome',
      labelNames: ['method', 'outcome'],
      registers,
    }),
    telegramUnknownErrors: new Counter({
      name: 'breakwater_telegram_unknown_errors_total',
      help: 'Errors of the Bot API that the table of errors does not know',
      labelNames: ['method', 'code'],
      registers,
    }),
  };
}

function defineBreakerMetrics(registry: Registry) {
  const registers = [registry];
  return {
    breakerState: new Gauge({
      name: 'breakwater_breaker_state',
      help: 'The state of each circuit breaker as this process knows it: 1 for the one it is in, 0 for the others',
      labelNames: ['dependency', 'state'],
      registers,
    }),
    breakerTransitions: new Counter({
      name: 'breakwater_breaker_transitions_total',
      help: 'Transitions of circuit breakers that this process learned of, by the state they led to',
      labelNames: ['dependency', 'to'],
      registers,
    }),
    breakerRefused: new Counter({
      name: 'breakwater_breaker_refused_total',
      help: 'Calls that were asked for and not permitted, by why',
      labelNames: ['dependency', 'why'],
      registers,
    }),
    breakerProbes: new Counter({
      name: 'breakwater_breaker_probes_total',
      help: 'Probes of half-open breakers that this process made, by what they came to',
      labelNames: ['dependency', 'outcome'],
      registers,
    }),
    breakerLimit: new Gauge({
      name: 'breakwater_breaker_limit',
      help: 'How many calls this process may have in flight after an opening; absent when there is no limit',
      labelNames: ['dependency'],
      registers,
    }),
  };
}

function defineBacklog(registry: Registry) {
  const registers = [registry];
  return {
    queueDepth: new Gauge({
      name: 'breakwater_queue_depth',
      help: 'Events that wait: pending, being worked on, or to be tried again',
      registers,
    }),
    oldestDue: new Gauge({
      name: 'breakwater_queue_oldest_due_seconds',
      help: 'How long the oldest event whose time has come has waited for a worker',
      registers,
    }),
    parked: new Gauge({
      name: 'breakwater_breaker_parked',
      help: 'Events that wait because the circuit breaker of their dependency lets nothing through',
      labelNames: ['dependency'],
      registers,
    }),
    ticketsOpened: new Counter({
      name: 'breakwater_tickets_opened_total',
      help: 'Tickets ever opened, read from the database: the same from every replica',
      registers,
    }),
    ticketsOpen: new Gauge({
      name: 'breakwater_tickets_open',
      help: 'Tickets that are neither resolved nor merged, by severity',
      labelNames: ['severity'],
      registers,
    }),
    unexplained: new Gauge({
      name: 'breakwater_conservation_unexplained',
      help: 'What received = stored + duplicate + refused, and stored = the sum of the states, leave unexplained; anything but 0 is a bug',
      labelNames: ['of'],
      registers,
    }),
  };
}

async function showBacklog(
  gauges: ReturnType<typeof defineBacklog>,
  read?: () => Promise<ShownBacklog>,
): Promise<void> {
  for (const gauge of [gauges.queueDepth, gauges.oldestDue, gauges.ticketsOpened]) gauge.remove();
  for (const gauge of [gauges.ticketsOpen, gauges.unexplained, gauges.parked]) gauge.reset();
  const backlog = await readInTime(read);
  if (!backlog) return;
  gauges.queueDepth.set(backlog.waiting);
  gauges.oldestDue.set(backlog.oldestDueSeconds);
  for (const [dependency, parked] of Object.entries(backlog.parked)) gauges.parked.set({ dependency }, parked);
  for (const [severity, tickets] of Object.entries(backlog.openTickets)) gauges.ticketsOpen.set({ severity }, tickets);
  gauges.ticketsOpened.inc(backlog.openedTickets);
  gauges.unexplained.set({ of: 'received' }, backlog.unexplainedReceived);
  gauges.unexplained.set({ of: 'stored' }, backlog.unexplainedStored);
}

/** A database that fails or is frozen is seen by `/readyz`; here its gauges are simply absent. */
async function readInTime(read?: () => Promise<ShownBacklog>): Promise<ShownBacklog | null> {
  return read ? withTimeLimit(read(), BACKLOG_LIMIT_MS).catch(() => null) : null;
}

/** Runs `work` once per second at most; who asks meanwhile waits for the run under way. */
function rarely(work: () => Promise<void>): () => Promise<void> {
  let last: { at: number; done: Promise<void> } | null = null;
  return () => {
    if (!last || performance.now() - last.at > BACKLOG_CACHE_MS) last = { at: performance.now(), done: work() };
    return last.done;
  };
}

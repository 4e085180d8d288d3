import { postAuditHead } from './audit-head.ts';
import { condenseStats } from './dashboard/stats-store.ts';
import { checkSweep } from './duty/sweep-checker.ts';
import { openOperationalTicket } from './escalation/open-ticket.ts';
import { watchProvidersOnce } from './intake/provider-outage.ts';
import { deleteOldRefusals, emptyOldRefusals } from './intake/refusal-store.ts';
import { checkConservation } from './ledger/conservation-query.ts';
import { countPartitionsAhead, createPartitions } from './ledger/partition-store.ts';
import { purgeNotices } from './notice/notice-store.ts';
import { purgeCustomerLinks } from './people/customer-link-store.ts';
import type { Clock } from './platform/clock.ts';
import type { Db } from './platform/database.ts';
import { purgeRuns } from './platform/job-run-store.ts';
import { purgeReplicas } from './platform/replica-store.ts';
import type { Job } from './platform/timed-jobs.ts';
import { purgePendingActs } from './telegram/admission/pending-act-store.ts';
import { purgeForms } from './telegram/guided/guided-store.ts';
import { purgeInbox } from './telegram/incoming/inbox-store.ts';

type Deps = { db: Db; clock: Clock; wake: (topic: 'notice') => void; onTicket: () => void };

/** The cron table: name, when (UTC), what it does once. A run that finds something wrong opens a ticket. */
export function listJobs(deps: Deps): Job[] {
  const { db } = deps;
  return [
    { name: 'conservation', expression: '7 * * * *', runOnce: () => auditConservation(deps) },
    { name: 'partitions', expression: '3 */6 * * *', runOnce: () => lookAfterPartitions(deps) },
    { name: 'providers', expression: '*/2 * * * *', runOnce: () => watchProviders(deps) },
    { name: 'refusals', expression: '17 * * * *', runOnce: () => forgetRefusals(db) },
    { name: 'deadlines', expression: '* * * * *', runOnce: () => checkSweep(deps) },
    { name: 'statistics', expression: '37 * * * *', runOnce: () => condenseStats(db) },
    { name: 'inbox', expression: '27 * * * *', runOnce: () => forgetWhatIsOver(deps) },
    { name: 'audit', expression: '0 * * * *', runOnce: () => postAuditHead(deps) },
  ];
}

/** What only grows and nobody asks for any more. */
async function forgetWhatIsOver({ db, clock }: Deps): Promise<object> {
  const now = clock.now();
  return {
    purged: await purgeInbox(db),
    pending: await purgePendingActs(db, now),
    links: await purgeCustomerLinks(db, now),
    forms: await purgeForms(db, now),
    notices: await purgeNotices(db, now),
    runs: await purgeRuns(db, now),
    replicas: await purgeReplicas(db, now),
  };
}

async function watchProviders({ db, onTicket }: Deps): Promise<object> {
  const counts = await watchProvidersOnce(db);
  if (counts.opened + counts.resolved > 0) onTicket();
  return counts;
}

async function forgetRefusals(db: Db): Promise<object> {
  return { emptied: await emptyOldRefusals(db), deleted: await deleteOldRefusals(db) };
}

/** Promise 4, checked: what the counters say against the rows themselves. */
async function auditConservation({ db, onTicket }: Deps): Promise<object> {
  const { balanced, differences, checked } = await checkConservation(db);
  if (!balanced) {
    const text = differences
      .map(({ what, counted, found }) => `${what}: ${counted} counted, ${found} there`)
      .join('; ');
    const finding = { stage: 'ledger', source: 'ledger', errorFamily: 'conservation', severity: 'P2', text } as const;
    await openOperationalTicket(db, finding);
    onTicket();
  }
  return { balanced, ...checked };
}

const MONTHS_AHEAD = 3;

/** Without a partition for its month no webhook can be stored, so running out of them is found a month before it happens. */
async function lookAfterPartitions({ db, onTicket }: Deps): Promise<object> {
  const made = await createPartitions(db, MONTHS_AHEAD).catch(() => 0);
  const ahead = await countPartitionsAhead(db);
  if (ahead < 1) {
    const text = 'there is no payload partition for the next month: webhooks will be refused from its first day';
    const finding = { stage: 'operations', source: 'ledger', errorFamily: 'partitions', severity: 'P1', text } as const;
    await openOperationalTicket(db, finding);
    onTicket();
  }
  return { made, ahead };
}

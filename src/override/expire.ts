import type { Transaction } from 'kysely';
import type { Schema } from '../platform/schema.ts';
import { listApproved, listDueReminders, listOverdueRequests, listPaidDebts, listUntoldEnds } from './debt-query.ts';
import { executeOverride, REMIND_DEBT_MS, REMIND_GLASS_MS, settleDebt } from './execute.ts';
import type { OverrideDeps } from './override-deps.ts';
import { markExpired, markReminded } from './override-mark-store.ts';
import { redrawApproval, tellRequester, tellTeam } from './override-notices.ts';
import { lockOverride, type Override, readNow } from './override-store.ts';
import { overrideName, utcTime } from './override-words.ts';
import { tellEnded } from './tell-customer.ts';

type Trx = Transaction<Schema>;

export type OverrideCounts = { expired: number; executed: number; reconciled: number; ended: number; reminded: number };

/**
 * What time does to overrides: requests nobody approved expire, what was approved and not carried out is, debts whose payment a verified
 * webhook confirms are reconciled, customers are told when their access has ended, and debts that stand are spoken of again. One that fails holds
 * up no other; what failed is thrown at the end.
 */
export async function runOverridesOnce(deps: OverrideDeps, options: { now?: Date } = {}): Promise<OverrideCounts> {
  const now = await readNow(deps.db, options.now);
  const given = options.now ? { now: options.now } : {};
  const counts = { expired: 0, executed: 0, reconciled: 0, ended: 0, reminded: 0 };
  const errors: unknown[] = [];
  const noteError = (error: unknown) => {
    errors.push(error);
    return false;
  };
  const each = async (count: keyof OverrideCounts, ids: number[], work: (id: number) => Promise<boolean>) => {
    for (const id of ids) counts[count] += Number(await work(id).catch(noteError));
  };
  await each('expired', await listOverdueRequests(deps.db, now), (id) => expire(deps, id, now));
  await each('executed', await listApproved(deps.db), (id) => execute(deps, id, given));
  await each('reconciled', await listPaidDebts(deps.db), (id) => reconcile(deps, id, given));
  await each('ended', await listUntoldEnds(deps.db, now), (id) => tellEnded(deps, id, now));
  await each('reminded', await listDueReminders(deps.db, now), (id) => remind(deps, id, now));
  if (counts.expired + counts.ended + counts.reminded > 0) deps.wake('notice');
  if (errors.length > 0) throw new AggregateError(errors, `${errors.length} overrides could not be looked after`);
  return counts;
}

type Given = { now?: Date };

async function execute(deps: OverrideDeps, overrideId: number, given: Given): Promise<boolean> {
  return (await executeOverride(deps, { overrideId, ...given })).outcome === 'executed';
}

function reconcile(deps: OverrideDeps, overrideId: number, given: Given): Promise<boolean> {
  const reason = 'a verified webhook says it was paid';
  return settleDebt(deps, { overrideId, as: 'reconciled', actor: null, reason, ...given });
}

function expire(deps: OverrideDeps, id: number, now: Date): Promise<boolean> {
  return deps.db.transaction().execute(async (trx) => {
    const override = await lockOverride(trx, id);
    if (override?.state !== 'requested' || override.approveUntil > now) return false;
    await markExpired(trx, id, now);
    await redrawApproval(trx, id);
    const text = `⌛ ${overrideName(id)} has expired: nobody approved it in time. Nothing was changed; /override asks again.`;
    await tellRequester(trx, override, 'expired', text);
    return true;
  });
}

function remind(deps: OverrideDeps, id: number, now: Date): Promise<boolean> {
  return deps.db.transaction().execute(async (trx) => {
    const override = await lockOverride(trx, id);
    if (!override?.remindAt || override.remindAt > now) return false;
    await speakOf(trx, override, now);
    const isUnreviewed = override.breakGlass && override.reviewedBy === null;
    const nextMs = isUnreviewed ? REMIND_GLASS_MS : REMIND_DEBT_MS;
    await markReminded(trx, id, new Date(now.getTime() + nextMs));
    return true;
  });
}

async function speakOf(trx: Trx, override: Override, now: Date): Promise<void> {
  const text = `📌 ${reminderWords(override, now)} /approvals in my private chat lists what stands open.`;
  await tellTeam(trx, override, `reminder:${override.reminders + 1}`, text);
}

function reminderWords(override: Override, now: Date): string {
  const name = overrideName(override.id);
  const glass =
    override.breakGlass && override.reviewedBy === null
      ? `${name} was carried out without a second person and ${now > override.reviewUntil! ? 'is overdue for' : 'waits for'} a review.`
      : '';
  if (override.state !== 'executed') return glass;
  const end =
    override.until > now ? `Access ends ${utcTime(override.until)}.` : `Access ended ${utcTime(override.until)}.`;
  return `${glass} ${name} is still a debt: nobody has confirmed the payment or taken it back. ${end}`.trim();
}

/**
 * What a chat may be told in a minute. Telegram takes about 20 messages a minute in a group, and 20 edits besides (TELEGRAM.md §5).
 * Each purpose owns a part of that which nobody else can spend; what is left over is spare, for whoever may use it.
 */
export type SendClass = 'person' | 'first' | 'new' | 'digest' | 'spare';
export type EditClass = 'person' | 'grave' | 'counter';
export type BudgetRequest = { method: 'send'; class: SendClass } | { method: 'edit'; class: EditClass };
export type Spending = BudgetRequest & { at: Date };
export type BudgetVerdict = { when: 'now' } | { when: 'later'; at: Date };

export const PER_MINUTE = 20;

// One second more than a minute: Telegram counts by the arrival, and two messages may come closer together than they left.
export const WINDOW_MS = 61_000;

/** `spareMax`: how much of the spare it may take beyond its own, while it is there. */
type Share = { reserved: number; spareMax: number };

const ALL = PER_MINUTE;

const SEND_SHARES: Record<SendClass, Share> = {
  person: { reserved: 4, spareMax: ALL },
  first: { reserved: 5, spareMax: ALL },
  // Kept to its share: a storm of causes must leave the spare to the gravest and to people.
  new: { reserved: 4, spareMax: 0 },
  digest: { reserved: 1, spareMax: ALL },
  spare: { reserved: 0, spareMax: ALL },
};

const EDIT_SHARES: Record<EditClass, Share> = {
  person: { reserved: 6, spareMax: ALL },
  // A card that has become P1.
  grave: { reserved: 0, spareMax: ALL },
  // Half of the spare: in a storm counters would use all of it, and a card that becomes P1 would wait for them.
  counter: { reserved: 6, spareMax: 4 },
};

/** Whether a message of this class may go out now, by what was spent before; if not, when it may. */
export function decideBudget(spent: Spending[], request: BudgetRequest, now: Date): BudgetVerdict {
  const ofMethod = spent.filter((spending) => spending.method === request.method);
  const fitsAt = (at: Date) => fits(recent(ofMethod, at), request);
  if (fitsAt(now)) return { when: 'now' };
  const at = ofMethod
    .map((spending) => new Date(spending.at.getTime() + WINDOW_MS))
    .filter((freedAt) => freedAt > now)
    .sort((a, b) => a.getTime() - b.getTime())
    .find(fitsAt);
  return { when: 'later', at: at ?? new Date(now.getTime() + WINDOW_MS) };
}

const PRIVATE_GAP_MS = 1_000;

/** A private chat takes about one message a second. */
export function decidePrivateBudget(lastAt: Date | null, now: Date): BudgetVerdict {
  if (lastAt === null) return { when: 'now' };
  const at = new Date(lastAt.getTime() + PRIVATE_GAP_MS);
  return at <= now ? { when: 'now' } : { when: 'later', at };
}

function recent(spent: Spending[], at: Date): Spending[] {
  return spent.filter((spending) => spending.at.getTime() > at.getTime() - WINDOW_MS);
}

function fits(spent: Spending[], request: BudgetRequest): boolean {
  const shares = sharesOf(request);
  const share = shares[request.class] as Share;
  const beyond = countOf(spent, request.class) - share.reserved;
  if (beyond < 0) return true;
  return beyond < share.spareMax && spareUsed(spent, shares) < spareOf(shares);
}

function sharesOf(request: BudgetRequest): Record<string, Share> {
  return request.method === 'send' ? SEND_SHARES : EDIT_SHARES;
}

function spareOf(shares: Record<string, Share>): number {
  return PER_MINUTE - Object.values(shares).reduce((sum, share) => sum + share.reserved, 0);
}

function spareUsed(spent: Spending[], shares: Record<string, Share>): number {
  return Object.entries(shares).reduce(
    (sum, [name, share]) => sum + Math.max(0, countOf(spent, name) - share.reserved),
    0,
  );
}

function countOf(spent: Spending[], name: string): number {
  return spent.filter((spending) => spending.class === name).length;
}

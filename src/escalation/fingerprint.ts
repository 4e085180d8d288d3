import type { TicketStage } from './ticket-view.ts';

/**
 * What makes failures one cause: a dependency that is down is one, however many providers' webhooks fail by it. Countries and users
 * are shown on the ticket, and are not part of it.
 */
export type Cause = {
  stage: TicketStage;
  /** The provider whose webhooks fail, or the part of Breakwater that does. */
  source: string;
  dependency: string | null;
  errorFamily: string;
};

export function fingerprintOf(cause: Cause): string {
  if (cause.stage === 'breaker') return `breaker:${cause.dependency}`.slice(0, 400);
  return [cause.stage, cause.dependency ?? cause.source, cause.errorFamily].join('|').slice(0, 400);
}

/** The source and the family that every breaker's ticket carries. */
const BREAKER = 'breaker';

export function breakerCause(dependency: string): Cause {
  return { stage: 'breaker', source: BREAKER, dependency, errorFamily: BREAKER };
}

/** Whether a ticket with this family is a breaker's; families of failures are other words. */
export function isBreakerFamily(errorFamily: string): boolean {
  return errorFamily === BREAKER;
}

/** A failure of the kind that opens breakers. What a dependency refuses says that it is there, and stays a ticket of its own. */
export function isOutage(cause: Pick<Cause, 'stage' | 'dependency' | 'errorFamily'>): boolean {
  return cause.stage === 'delivery' && cause.dependency !== null && !isRejection(cause.errorFamily);
}

/** A 3xx or a 4xx, but for those that pass by themselves (BREAKER.md §6). */
export function isRejection(errorFamily: string): boolean {
  return /^HTTP [34]\d\d$/.test(errorFamily) && !/^HTTP (?:408|409|425|429)$/.test(errorFamily);
}

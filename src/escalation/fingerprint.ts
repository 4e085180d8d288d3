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
  return [cause.stage, cause.dependency ?? cause.source, cause.errorFamily].join('|').slice(0, 400);
}

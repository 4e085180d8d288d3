import type { Lease } from '../breaker/breaker-store.ts';
import type { Breakers } from '../breaker/breakers.ts';
import type { CallEnd } from '../breaker/calls.ts';
import type { ClaimedEvent } from './claim-store.ts';

/** The part of the breakers that delivery asks. */
export type Gate = Pick<
  Breakers,
  'permit' | 'canStart' | 'canRetry' | 'begin' | 'acquireProbes' | 'reportProbe' | 'onChange'
>;

export const ACTIVATION = 'activation';

/** The leave to make one call for an event, taken when the event is claimed so that nobody claims more than may be called. */
export type CallSlot = {
  isProbe: boolean;
  /** To be asked right before the call: much can happen between the claim and that. */
  mayCall: () => boolean;
  /** What the call came to; only the first answer counts. */
  end: (result: CallEnd) => void;
};

/** By the event's id. */
export type CallSlots = Map<number, CallSlot>;

/** The call that was not made. */
const UNUSED: CallEnd = { outcome: 'ignored', durationMs: 0 };

/** A slot for each event: of a probe where there are leases, else of an ordinary call. */
export function openSlots(gate: Gate, events: ClaimedEvent[], probes: Lease[]): CallSlots {
  const slots = events.map((event, i): [number, CallSlot] => {
    const lease = probes[i];
    return [event.id, endOnce(lease ? probeSlot(gate, lease) : callSlot(gate, event))];
  });
  for (const lease of probes.slice(events.length)) void gate.reportProbe(lease, UNUSED);
  return new Map(slots);
}

/** No call will be made for these events any more, if none was. */
export function closeSlots(slots: CallSlots, events: ClaimedEvent[]): void {
  for (const event of events) slots.get(event.id)?.end(UNUSED);
}

function probeSlot(gate: Gate, lease: Lease): CallSlot {
  return { isProbe: true, mayCall: () => true, end: (result) => void gate.reportProbe(lease, result) };
}

/** Its own place is among those in flight already, so a limit that is reached does not concern it. */
function callSlot(gate: Gate, event: ClaimedEvent): CallSlot {
  const call = gate.begin(ACTIVATION, event.tries > 0 ? 'retry' : 'first');
  const mayCall = () => {
    const permit = gate.permit(ACTIVATION);
    return permit.may === 'call' || (permit.may === 'wait' && permit.why === 'limit');
  };
  return { isProbe: false, mayCall, end: call.end };
}

function endOnce(slot: CallSlot): CallSlot {
  let hasEnded = false;
  const end = (result: CallEnd) => {
    if (!hasEnded) slot.end(result);
    hasEnded = true;
  };
  return { ...slot, end };
}

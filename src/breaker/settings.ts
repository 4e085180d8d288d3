import { z } from 'zod';

/** What the configuration says about a breaker. */
export type BreakerSettings = z.output<typeof schema>;

/** The same with everything filled in: what stands in the breaker's row. */
export type CompleteSettings = Required<Omit<BreakerSettings, 'failuresInRow'>> & {
  probesLostMax: number;
  failuresInRow: number | null;
};

const milliseconds = z.int().positive().max(86_400_000);

const schema = z.strictObject({
  /** How long it stays open before it lets probes through. */
  openMs: milliseconds,
  windowMs: milliseconds.max(3_600_000),
  /** Below this many results in the window it does not open. */
  minimumVolume: z.int().min(1).max(1_000_000),
  /** It opens at this share of failures, not only above it. */
  failureRatio: z.number().gt(0).max(1),
  probes: z.int().min(1).max(1_000),
  /** This many probes must succeed to close it. */
  closeAfter: z.int().min(1),
  /** Each opening that follows another lasts twice as long, up to this; left out, all last `openMs`. */
  openMsMax: milliseconds.optional(),
  /** How long a probe may take before it counts as lost; left out, the call's time-out and 5 s. */
  leaseMs: milliseconds.optional(),
  /** Opens after this many failures without a success between them, however long that took; left out, there is no such rule. */
  failuresInRow: z.int().min(1).max(1_000_000).optional(),
});

/** With fewer than 10 results (5 for payouts, which are rare) a ratio says little. */
export const DEFAULT_BREAKER: BreakerSettings = {
  openMs: 60_000,
  windowMs: 10_000,
  minimumVolume: 10,
  failureRatio: 0.5,
  probes: 3,
  closeAfter: 3,
};

function defaultBreaker(dependency: string): BreakerSettings {
  return dependency.startsWith('payout:') ? { ...DEFAULT_BREAKER, minimumVolume: 5 } : DEFAULT_BREAKER;
}

const DEPENDENCY = /^(activation|provider:.+|payout:.+)$/;

/** `given` merged over the defaults of the dependency, or one line for each thing that makes no sense. */
export function readSettings(
  dependency: string,
  given: unknown,
): { settings: BreakerSettings } | { mistakes: string[] } {
  if (!DEPENDENCY.test(dependency))
    return { mistakes: [`${dependency} is no dependency; there are activation, provider:<name> and payout:<rail>`] };
  if (typeof given !== 'object' || given === null)
    return { mistakes: [`${dependency}: must be an object of settings, like {"openMs":60000}`] };
  const read = schema.safeParse({ ...defaultBreaker(dependency), ...given });
  if (!read.success) return { mistakes: read.error.issues.map((issue) => `${dependency}.${describeIssue(issue)}`) };
  const mistakes = findContradictions(read.data).map((mistake) => `${dependency}.${mistake}`);
  return mistakes.length > 0 ? { mistakes } : { settings: read.data };
}

function describeIssue(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')}: ${issue.message}`;
  return `${issue.keys.join(', ')}: is unknown; there are ${Object.keys(schema.shape).join(', ')}`;
}

function findContradictions({ probes, closeAfter, openMs, openMsMax }: BreakerSettings): string[] {
  const wrong: (string | false)[] = [
    closeAfter > probes && `closeAfter: must be at most probes (${probes}), or it never closes`,
    openMsMax !== undefined && openMsMax < openMs && `openMsMax: must be at least openMs (${openMs})`,
  ];
  return wrong.filter((line) => line !== false);
}

/** A line when a lease would end while its probe may still be under way. */
export function findShortLease(
  dependency: string,
  { leaseMs }: BreakerSettings,
  activationTimeoutMs: number,
): string | null {
  const timeoutMs = callTimeoutOf(dependency, activationTimeoutMs);
  if (leaseMs === undefined || leaseMs > timeoutMs) return null;
  const timeout = dependency === 'activation' ? 'ACTIVATION_TIMEOUT_MS' : 'the time-out of a call';
  return `${dependency}.leaseMs: must be more than ${timeout} (${timeoutMs}), or a probe loses its lease during its call`;
}

/** A call to a provider or a payout rail takes this long at most; the one to the product has its own setting. */
const CALL_TIMEOUT_MS = 10_000;

function callTimeoutOf(dependency: string, activationTimeoutMs: number): number {
  return dependency === 'activation' ? activationTimeoutMs : CALL_TIMEOUT_MS;
}

/** Answers the settings of any dependency, configured or not. */
export function settingsLookup(
  configured: Record<string, BreakerSettings>,
  activationTimeoutMs: number,
): (dependency: string) => CompleteSettings {
  return (dependency) =>
    completeSettings(
      configured[dependency] ?? defaultBreaker(dependency),
      callTimeoutOf(dependency, activationTimeoutMs),
    );
}

/** What a lease leaves the caller beyond its call: to take the answer and report it. */
const LEASE_SLACK_MS = 5_000;
/** Two rounds of the usual three probes that nobody came back from: then the callers are the problem, and it opens again. */
const PROBES_LOST_MAX = 6;

export function completeSettings(settings: BreakerSettings, callTimeoutMs: number): CompleteSettings {
  return {
    ...settings,
    openMsMax: settings.openMsMax ?? settings.openMs,
    leaseMs: settings.leaseMs ?? callTimeoutMs + LEASE_SLACK_MS,
    probesLostMax: PROBES_LOST_MAX,
    failuresInRow: settings.failuresInRow ?? null,
  };
}

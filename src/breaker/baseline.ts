/** What a call usually takes: pure. */
export type Baseline = { meanMs: number; samples: number };

export const NO_BASELINE: Baseline = { meanMs: 0, samples: 0 };

const SAMPLES_MIN = 10;
/** Then old calls are forgotten: each new one weighs a fiftieth. */
const WEIGHT_MIN = 0.02;

/** Successes only, and not those of a ramp that has a baseline: it would learn the slowness it is there to notice. */
export function learnDuration({ meanMs, samples }: Baseline, durationMs: number): Baseline {
  const weight = Math.max(WEIGHT_MIN, 1 / (samples + 1));
  return { meanMs: meanMs + (durationMs - meanMs) * weight, samples: Math.min(samples + 1, 1_000) };
}

/** null while there were too few calls to say. */
export function baselineMs({ meanMs, samples }: Baseline): number | null {
  return samples < SAMPLES_MIN ? null : meanMs;
}

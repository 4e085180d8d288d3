/** How a retry of many goes on: pure. */

/** One shows whether the cause is mended at all, five whether it was luck. */
const FIRST_STAGES = [1, 5];
/** Of a stage; so many that fail say that the cause is not mended. */
const FAILED_SHARE_MAX = 0.2;

export type StagedCounts = {
  total: number;
  begun: number;
  /** Of the stage that has just ended; a stage of none says nothing. */
  stage: { events: number; failed: number };
};

export type NextStage = { step: 'begin'; count: number } | { step: 'done' } | { step: 'stop' };

/** What comes after a stage has ended, or at the beginning. */
export function nextStage({ total, begun, stage }: StagedCounts): NextStage {
  if (begun < total && stage.events > 0 && stage.failed / stage.events >= FAILED_SHARE_MAX) return { step: 'stop' };
  if (begun >= total) return { step: 'done' };
  return { step: 'begin', count: Math.min(total - begun, sizeAfter(begun)) };
}

function sizeAfter(begun: number): number {
  let end = 0;
  for (const size of FIRST_STAGES) {
    if (begun <= end) return size;
    end += size;
  }
  return Number.POSITIVE_INFINITY;
}

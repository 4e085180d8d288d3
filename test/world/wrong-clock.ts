/** Loaded before the service (`NODE_OPTIONS=--import=…`): its wall clock is `WRONG_CLOCK_MS` off, as on a machine nobody has set. */
const wrongMs = Number(process.env.WRONG_CLOCK_MS);
const RightDate = Date;

globalThis.Date = class extends RightDate {
  constructor(...given: unknown[]) {
    if (given.length === 0) super(RightDate.now() + wrongMs);
    else super(...(given as [number]));
  }
  static override now(): number {
    return RightDate.now() + wrongMs;
  }
} as DateConstructor;
Object.defineProperty(performance, 'timeOrigin', { value: performance.timeOrigin + wrongMs });

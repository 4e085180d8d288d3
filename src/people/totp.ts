import { generateSecret, generateURI, verifySync } from 'otplib';

/** What authenticator apps assume when nothing else is said (RFC 6238): SHA-1, six digits, steps of thirty seconds. */
const STEP_SECONDS = 30;
const ISSUER = 'Breakwater';

/** A new secret of 160 bits, in base32. */
export function createSecret(): string {
  return generateSecret({ length: 20 });
}

/** What the picture says to the app that scans it. */
export function authenticatorUri(secret: string, label: string): string {
  return generateURI({ issuer: ISSUER, label, secret });
}

/** The time step this code belongs to, one step to either side of now at most (RFC 6238 §5.2); null when it is none of them. */
export function findStep(secret: string, code: string, now: Date): number | null {
  const epoch = Math.floor(now.getTime() / 1000);
  const result = verifySync({ secret, token: code, epoch, epochTolerance: STEP_SECONDS });
  return result.valid && 'timeStep' in result ? result.timeStep : null;
}

import { GrammyError } from 'grammy';
import { expect } from 'vitest';

/** The call must be refused by the server, with exactly this code and these words. */
export async function expectRefused(call: Promise<unknown>, code: number, description: string): Promise<GrammyError> {
  const error = await call.then(
    (result) => new Error(`it was not refused but gave ${JSON.stringify(result)}`),
    (refused: unknown) => refused,
  );
  if (!(error instanceof GrammyError)) throw error;
  expect({ code: error.error_code, description: error.description }).toEqual({ code, description });
  return error;
}

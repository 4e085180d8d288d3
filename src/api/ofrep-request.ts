/** OpenFeature Remote Evaluation Protocol, what a request says: https://github.com/open-feature/protocol (service/openapi.yaml). Pure. */

export type OfrepErrorCode = 'PARSE_ERROR' | 'INVALID_CONTEXT' | 'TARGETING_KEY_MISSING' | 'FLAG_NOT_FOUND' | 'GENERAL';

export type OfrepRequest =
  | { outcome: 'asked'; targetingKey: string }
  | { outcome: 'refused'; errorCode: OfrepErrorCode; errorDetails: string };

/** The first thing wrong with it is told, in the order body, context, targetingKey; the flag comes last and is not in here. */
export function readOfrepRequest(body: string): OfrepRequest {
  const request = parseObject(body);
  if (request === null) return refused('PARSE_ERROR', 'the body must be a JSON object');
  if (!isObject(request.context)) return refused('INVALID_CONTEXT', 'context must be an object');
  const { targetingKey } = request.context;
  if (typeof targetingKey !== 'string' || targetingKey === '') {
    return refused('TARGETING_KEY_MISSING', 'context.targetingKey must be the id of a user, as text');
  }
  return { outcome: 'asked', targetingKey };
}

function refused(errorCode: OfrepErrorCode, errorDetails: string): OfrepRequest {
  return { outcome: 'refused', errorCode, errorDetails };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Nothing was answered in time; what was asked for may still happen. */
class TimeLimitError extends Error {
  override name = 'TimeLimitError';
}

/** What `work` comes to, or a `TimeLimitError` after `limitMs`. */
export async function withTimeLimit<T>(work: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new TimeLimitError(`no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    clearTimeout(timer);
  }
}

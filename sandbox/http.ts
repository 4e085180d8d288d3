import type { IncomingMessage, ServerResponse } from 'node:http';

/** Reads a whole body; undefined when it is longer than the limit. */
export async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes <= limitBytes) chunks.push(chunk);
  }
  return sizeBytes <= limitBytes ? Buffer.concat(chunks) : undefined;
}

export function answerJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length, ...headers });
  response.end(bytes);
}

/** A TCP reset: the caller cannot tell whether anything was done. */
export function cutConnection(request: IncomingMessage): void {
  request.socket.resetAndDestroy();
}

/**
 * The named values of a request, wherever a person's curl put them: query, form, multipart or JSON. Later ones win
 * in this order.
 */
export async function readFields(
  request: IncomingMessage,
  url: URL,
  limitBytes: number,
): Promise<Record<string, unknown> | undefined> {
  const body = await readBody(request, limitBytes);
  if (!body) return undefined;
  const fields: Record<string, unknown> = Object.fromEntries(url.searchParams);
  return Object.assign(fields, await parseBody(body, request.headers['content-type'] ?? ''));
}

async function parseBody(body: Buffer, contentType: string): Promise<Record<string, unknown>> {
  if (body.length === 0) return {};
  if (contentType.startsWith('application/json')) return parseJsonObject(body);
  if (contentType.startsWith('multipart/form-data')) {
    return Object.fromEntries(await new Response(body, { headers: { 'content-type': contentType } }).formData());
  }
  return Object.fromEntries(new URLSearchParams(body.toString('utf8')));
}

function parseJsonObject(body: Buffer): Record<string, unknown> {
  const parsed: unknown = JSON.parse(body.toString('utf8'));
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) throw new SyntaxError('not an object');
  return parsed as Record<string, unknown>;
}

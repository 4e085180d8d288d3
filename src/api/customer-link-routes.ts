import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { createCustomerLink } from '../people/customer-link-store.ts';
import { formatCustomerLink } from '../people/customer-token.ts';
import { errorBody } from '../platform/http-server.ts';
import type { ApiDeps } from './api-deps.ts';
import { readCustomerLinkRequest } from './customer-link-request.ts';

/** The product asks for a link that lets its user be told in Telegram what becomes of their payments. */
export function registerCustomerLinks(links: FastifyInstance, { db, clock, findBotName }: ApiDeps): void {
  // The body is read as text whatever it claims to be, so that whatever is wrong with it is told in one way.
  links.removeAllContentTypeParsers();
  links.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  links.post('/api/customer-links', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const asked = readCustomerLinkRequest(bodyOf(request));
    if (asked.outcome === 'refused') return reply.code(400).send(errorBody(400, asked.why));
    if (findBotName === null)
      return reply.code(503).send(errorBody(503, 'no Telegram bot is configured: set BOT_TOKEN'));
    const botName = await findBotName();
    if (botName === null) return answerAway(reply);
    const { token, expiresAt } = await createCustomerLink(db, { userId: asked.userId, now: clock.now() });
    return { url: formatCustomerLink(botName, token), expiresAt };
  });
}

function bodyOf(request: FastifyRequest): string {
  return typeof request.body === 'string' ? request.body : '';
}

function answerAway(reply: FastifyReply): FastifyReply {
  reply.header('retry-after', '5');
  return reply.code(503).send(errorBody(503, 'Telegram does not say yet what the bot is called; ask again'));
}

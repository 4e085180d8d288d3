import { findInteger, findJson, isTrue, type Parameters, textOf } from './parameters.ts';
import { refusals } from './refusal.ts';
import type { Call, Methods } from './telegram.ts';
import type { UpdateKind } from './world.ts';

const WEBHOOK_PORTS = ['', '80', '88', '443', '8443'];

export const updateMethods = {
  getUpdates: ({ telegram, parameters, gone }) =>
    telegram.queue.poll({
      offset: findInteger(parameters, 'offset') ?? 0,
      limit: findInteger(parameters, 'limit') ?? 100,
      timeoutSeconds: findInteger(parameters, 'timeout') ?? 0,
      allowed: readAllowed(parameters),
      gone,
    }),
  setWebhook: (call) => {
    const { telegram, parameters } = call;
    const url = textOf(parameters, 'url');
    if (url === '') return removeWebhook(call);
    checkWebhookUrl(url);
    checkSecretToken(textOf(parameters, 'secret_token'));
    limitSetWebhook(call);
    telegram.queue.endPoll(refusals.pollerEndedBySetWebhook());
    const secretToken = textOf(parameters, 'secret_token');
    telegram.world.webhook = {
      url,
      ...(secretToken === '' ? {} : { secretToken }),
      maxConnections: findInteger(parameters, 'max_connections') ?? 40,
    };
    const allowed = readAllowed(parameters);
    if (allowed) telegram.world.queue.allowed = allowed.length > 0 ? allowed : null;
    if (isTrue(parameters, 'drop_pending_updates')) telegram.queue.dropAll();
    telegram.changed();
    telegram.pumpWebhook();
    return true;
  },
  deleteWebhook: (call) => removeWebhook(call),
  getWebhookInfo: ({ telegram: { world, queue } }) => ({
    url: world.webhook?.url ?? '',
    has_custom_certificate: false,
    pending_update_count: queue.listPending().length,
    ...(world.webhook ? { max_connections: world.webhook.maxConnections } : {}),
    ...(world.webhook?.lastError
      ? {
          last_error_date: Math.floor(world.webhook.lastError.atMs / 1000),
          last_error_message: world.webhook.lastError.message,
        }
      : {}),
    ...(world.queue.allowed ? { allowed_updates: world.queue.allowed } : {}),
  }),
} satisfies Methods;

function removeWebhook({ telegram, parameters }: Call): true {
  telegram.world.webhook = null;
  if (isTrue(parameters, 'drop_pending_updates')) telegram.queue.dropAll();
  telegram.changed();
  return true;
}

function readAllowed(parameters: Parameters): UpdateKind[] | undefined {
  const given = findJson(parameters, 'allowed_updates', 'list of allowed updates');
  return Array.isArray(given) ? (given.map(String) as UpdateKind[]) : undefined;
}

/** HTTPS and four ports, except on this machine, where a Bot API server in local mode takes any. */
function checkWebhookUrl(text: string): void {
  if (!URL.canParse(text)) throw refusals.webhookUrlInvalid();
  const url = new URL(text);
  if (url.protocol === 'http:' && ['127.0.0.1', 'localhost'].includes(url.hostname)) return;
  if (url.protocol !== 'https:') throw refusals.webhookNeedsHttps();
  if (!WEBHOOK_PORTS.includes(url.port)) throw refusals.webhookPort();
}

function checkSecretToken(token: string): void {
  if (token.length > 256) throw refusals.secretTokenIsTooLong();
  if (!/^[A-Za-z0-9_-]*$/.test(token)) throw refusals.secretTokenIsUnallowed();
}

function limitSetWebhook({ telegram }: Call): void {
  if (telegram.now() - telegram.lastSetWebhookAtMs < 1000) throw refusals.flood(1);
  telegram.lastSetWebhookAtMs = telegram.now();
}

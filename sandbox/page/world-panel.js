import { attempt, byId, drawSwitch, element, getJson, postJson, secondText, showToast } from './elements.js';

const COUNTRIES = {
  '': '–',
  DE: '🇩🇪 DE',
  FR: '🇫🇷 FR',
  GB: '🇬🇧 GB',
  US: '🇺🇸 US',
  BR: '🇧🇷 BR',
  IN: '🇮🇳 IN',
  JP: '🇯🇵 JP',
  ZA: '🇿🇦 ZA',
};
const LINES_SHOWN = 5;

const PRODUCT_MODES = [
  { value: 'works', label: 'Works', tone: 'good' },
  { value: 'slow', label: 'Slow', hint: 'Works, but takes its time' },
  { value: 'refuses', label: 'Refuses', hint: 'HTTP 422, which no retry cures', tone: 'bad' },
  { value: 'down', label: 'Down', hint: 'HTTP 503, which may pass', tone: 'bad' },
  { value: 'errors', label: 'Errors', hint: 'HTTP 500, which may pass', tone: 'bad' },
  { value: 'throttles', label: 'Throttles', hint: 'HTTP 429 and Retry-After: 10', tone: 'bad' },
  { value: 'hangs', label: 'Hangs', hint: 'Never answers', tone: 'bad' },
];

const TELEGRAM_MODES = [
  { value: 'up', label: 'Up', tone: 'good' },
  { value: 'slow', label: 'Slow', hint: 'Every call takes two seconds longer' },
  { value: 'down', label: 'Down', hint: 'Every connection is reset', tone: 'bad' },
];

const MISBEHAVIOUR_OF_MODE = {
  refuses: { kind: 'status', status: 422 },
  down: { kind: 'status', status: 503 },
  errors: { kind: 'status', status: 500 },
  throttles: { kind: 'status', status: 429, retryAfterSeconds: 10 },
  hangs: { kind: 'hang' },
};

const listeners = { paid: () => {}, productChanged: () => {} };

/** The right-hand panel: what the provider, the product and Telegram do. */
export function startWorldPanel({ onPaid, onProductChanged }) {
  Object.assign(listeners, { paid: onPaid, productChanged: onProductChanged });
  for (const [value, label] of Object.entries(COUNTRIES))
    byId('pay-country').append(element('option', { value }, label));
  byId('pay-actions').replaceChildren(...PAYMENTS.map(drawPayment));
  byId('latency').onchange = () => setProductMode('slow');
}

const PAYMENTS = [
  { label: 'Payment works', run: () => pay({ product: 'works' }) },
  { label: 'Product refuses → ticket', tone: 'primary first', run: () => payRefused() },
  { label: 'Product down (503)', run: () => payWhileDown() },
  { label: 'Outage: 20 customers', hint: 'Down, and 20 people pay: the breaker opens', run: () => payInOutage() },
  { label: 'Duplicate ×5', run: () => pay({ copies: 5 }) },
  { label: 'Wrong signature', run: () => pay({ signature: 'wrong' }) },
  { label: 'Late', hint: 'Made and signed ten minutes ago', run: () => pay({ lateSeconds: 600 }) },
  { label: 'Refund last', run: () => refundLast() },
];

function drawPayment({ label, tone, hint, run }) {
  const button = element('button', { type: 'button', className: `action ${tone ?? ''}`, title: hint ?? '' }, label);
  button.onclick = async () => {
    button.disabled = true;
    await attempt(run);
    button.disabled = false;
  };
  return button;
}

async function pay(extra) {
  const order = {
    user: byId('pay-user').value.trim() || 'anna',
    amount: byId('pay-amount').value.trim().replace(',', '.'),
    country: byId('pay-country').value,
    ...extra,
  };
  const answer = await postJson('/provider/payments', order);
  const { amount, currency, user } = answer.payment;
  showToast(`${amount} ${currency} from ${user}: ${fateOf(answer.webhook[0])}`);
  listeners.paid();
}

/** What became of the webhook, in a few words. */
function fateOf(said) {
  if (said === undefined) return 'held back';
  if (said.startsWith('HTTP 2')) return 'the service wrote it down';
  if (said.startsWith('HTTP')) return `the service answered ${said.slice(0, 8)}`;
  return `not delivered (${said.replace('failed: ', '')})`;
}

/** The way of a newcomer's first minute: one refusal, then a ticket. */
export const payRefused = () => pay({ product: 'refuses' });

async function payWhileDown() {
  await setProductMode('down');
  await pay({});
}

/** Enough calls at once that the breaker of the product opens; each of a customer of its own, since one is told things one at a time. */
async function payInOutage() {
  await setProductMode('down');
  const users = Array.from({ length: 20 }, (_, n) => `customer-${n + 1}`);
  await Promise.all(users.map((user) => postJson('/provider/payments', { user, amount: '9.99' })));
  showToast('20 customers have paid while the product is down');
  listeners.paid();
}

async function refundLast() {
  const { payments } = await getJson('/provider/payments');
  const last = payments.findLast((payment) => payment.status === 'success');
  if (!last) throw new Error('There is no payment to refund yet.');
  await postJson(`/provider/payments/${encodeURIComponent(last.transaction)}/refund`);
  showToast(`${last.amount} ${last.currency} go back to ${last.user}`);
}

export async function refreshProvider(provider) {
  if (provider) byId('provider-hint').textContent = `“${provider.name}” posts to ${provider.webhookUrl}`;
  const { deliveries } = await getJson('/provider/deliveries');
  byId('deliveries').replaceChildren(...deliveries.slice(-LINES_SHOWN).reverse().map(drawDelivery));
  if (deliveries.length > 0) listeners.paid();
}

function drawDelivery({ atMs, tryNumber, transaction, outcome, durationMs }) {
  const isGood = outcome.kind === 'answered' && outcome.status < 300;
  const said = outcome.kind === 'answered' ? `HTTP ${outcome.status}` : outcome.error;
  const again = tryNumber > 1 ? ` · try ${tryNumber}` : '';
  return element(
    'li',
    { className: isGood ? 'good' : 'bad', title: outcome.body ?? '' },
    element('span', { className: 'dot' }),
    element('span', { className: 'grow' }, `${said}${again}`),
    element(
      'span',
      { className: 'mono faint', title: `${transaction}, ${durationMs} ms` },
      `…${transaction.slice(-6)}`,
    ),
    element('time', {}, secondText(atMs)),
  );
}

export async function refreshProduct() {
  const state = await getJson('/product/state');
  const mode = modeOf(state.misbehaviours);
  drawSwitch(byId('product-modes'), PRODUCT_MODES, mode, (value) => attempt(() => setProductMode(value)));
  byId('latency-row').hidden = mode !== 'slow';
  const exceptions = state.misbehaviours.filter((misbehaviour) => misbehaviour.user !== undefined);
  byId('product-exceptions').replaceChildren(...exceptions.map(drawException));
  byId('product-users').replaceChildren(...drawUsers(state.users));
  listeners.productChanged(state);
}

function modeOf(misbehaviours) {
  const everyone = misbehaviours.findLast((misbehaviour) => misbehaviour.user === undefined);
  if (!everyone) return 'works';
  if (everyone.kind === 'slow') return 'slow';
  if (everyone.kind === 'hang') return 'hangs';
  return { 422: 'refuses', 429: 'throttles', 500: 'errors' }[everyone.status] ?? 'down';
}

async function setProductMode(mode) {
  await postJson('/product/works');
  const latencyMs = Number(byId('latency').value) || 0;
  const misbehaviour = mode === 'slow' ? { kind: 'slow', latencyMs } : MISBEHAVIOUR_OF_MODE[mode];
  if (misbehaviour) await postJson('/product/misbehaves', misbehaviour);
}

function drawException({ user, kind, status, remaining }) {
  const what = kind === 'status' ? `HTTP ${status}` : kind;
  const clear = () => attempt(() => postJson('/product/works', { user }));
  const times = typeof remaining === 'number' ? (remaining === 1 ? 'next time' : `next ${remaining} times`) : 'always';
  return element(
    'li',
    { className: 'bad' },
    element('span', { className: 'dot' }),
    element('span', { className: 'grow' }, `${user}: ${what} ${times}`),
    element('button', { type: 'button', className: 'action small', onclick: clear }, 'Clear'),
  );
}

function drawUsers(users) {
  const entries = Object.entries(users);
  if (entries.length === 0) return [element('li', { className: 'empty' }, 'Nobody has anything yet.')];
  return entries
    .slice(-12)
    .reverse()
    .flatMap(([user, features]) => features.map((held) => drawHeld(user, held)));
}

function drawHeld(user, { feature, active, until, revision }) {
  const until_ = active && until ? ` until ${until.slice(0, 10)}` : '';
  return element(
    'li',
    { className: active ? 'good' : 'off', dataset: { user } },
    element('span', { className: 'dot' }),
    element('span', { className: 'grow' }, element('strong', {}, user), ` ${feature}${until_}`),
    element('span', {}, active ? 'active' : 'ended'),
    element('span', { className: 'faint', title: 'revision' }, `r${revision}`),
  );
}

export function refreshTelegram({ isDown, slowMs }) {
  const mode = isDown ? 'down' : slowMs > 0 ? 'slow' : 'up';
  drawSwitch(byId('telegram-modes'), TELEGRAM_MODES, mode, (value) =>
    attempt(() => postJson('/chat/telegram', { mode: value })),
  );
}
